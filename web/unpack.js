// Blocks of columns -> numbers. Everything here is asked for when it is first shown, and kept.

const inflating = new Map();

function bytesOfBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++)
    bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(number) {
  const element = document.getElementById("block-" + number);
  if (!element)
    throw new Error("the page lacks block " + number);
  if (typeof DecompressionStream === "undefined")
    throw new Error("this browser is too old for the pictures (it has no DecompressionStream)");
  const packed = new Blob([bytesOfBase64(element.textContent)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function block(number) {
  if (!inflating.has(number))
    inflating.set(number, inflate(number));
  return inflating.get(number);
}

async function bytesOf(place) {
  const bytes = await block(place.block);
  if (place.at + place.bytes > bytes.length)
    throw new Error("block " + place.block + " is too short");
  return bytes.subarray(place.at, place.at + place.bytes);
}

function countEntries(bytes) {
  let count = 0;
  for (let i = 0; i < bytes.length; i++)
    count += bytes[i] < 128;
  return count;
}

// Most differences take four bytes or fewer, which integers of 32 bits hold; the rest goes by floating point, exact to 2^53.
function decode(bytes, scale) {
  const values = new Float64Array(countEntries(bytes));
  let at = 0;
  let known = 0;
  for (let i = 0; i < values.length; i++) {
    let u = 0;
    let byte = bytes[at++];
    if (byte < 128) {
      u = byte;
    } else {
      for (let place = 1; ; place *= 128) {
        u += (byte & 127) * place;
        if (byte < 128)
          break;
        byte = bytes[at++];
      }
    }
    if (u === 0) {
      values[i] = NaN;
      continue;
    }
    const z = u - 1;
    known += z % 2 ? -(z + 1) / 2 : z / 2;
    values[i] = known / scale;
  }
  return values;
}

const columns = new Map();

// The numbers of a column; unknown ones are NaN.
function column(place) {
  const key = place.block + ":" + place.at;
  if (!columns.has(key))
    columns.set(key, bytesOf(place).then(bytes => decode(bytes, place.scale || 1)));
  return columns.get(key);
}

// Several columns by their names, from an object that has other things, too.
async function columnsOf(holder, names) {
  const all = await Promise.all(names.map(name => column(holder[name])));
  return Object.fromEntries(names.map((name, i) => [name, all[i]]));
}

let textsRead = null;

function texts() {
  textsRead = textsRead || bytesOf(tacho.contents.texts).then(bytes => JSON.parse(new TextDecoder().decode(bytes)));
  return textsRead;
}

// What the page holds; null where it holds only words and tables.
function open() {
  const holder = document.getElementById("page");
  tacho.contents = holder ? JSON.parse(holder.textContent) : null;
}

tacho.contents = null;
tacho.unpack = { open, column, columnsOf, texts };
