// The time lines of scopes: a lane for each thread, a row for each depth, coloured by category.

const { quantities, lanes, pictures } = tacho;
const { element } = pictures;
const AT_FIRST = 8;
const CATEGORIES = 8; // that have a colour of their own
const DEEPEST = 500;

function paintOf(category) {
  return !Number.isFinite(category) ? lanes.NONE : category < CATEGORIES ? category : lanes.OTHER;
}

function describe(thread, columns, texts, i) {
  const category = tacho.contents.categories[columns.category[i]];
  const rows = [
    ["from", quantities.time(columns.start[i], 1e-6)],
    ["for", quantities.duration(columns.length[i])],
    ["category", category === undefined ? "none" : category],
    ["thread", thread.name + " " + thread.tid],
  ];
  if (thread.merged_s > 0 && columns.length[i] >= thread.merged_s)
    rows.push(["note", "may be several, each shorter than " + quantities.duration(thread.merged_s)]);
  return { title: texts[columns.scope[i]] || "(no name)", rows };
}

async function prepare(thread) {
  const columns = await tacho.unpack.columnsOf(thread, ["start", "length", "depth", "scope", "category"]);
  const texts = await tacho.unpack.texts();
  const count = columns.start.length;
  const ends = new Float64Array(count);
  const rowOf = new Int32Array(count);
  const paint = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    ends[i] = columns.start[i] + (columns.length[i] || 0);
    rowOf[i] = columns.depth[i] >= 0 && columns.depth[i] < DEEPEST ? columns.depth[i] : -1;
    paint[i] = paintOf(columns.category[i]);
  }
  return {
    rows: lanes.rowsFrom(rowOf, columns.start, ends),
    paint,
    text: i => texts[columns.scope[i]] || "",
    describe: i => describe(thread, columns, texts, i),
  };
}

function title(thread) {
  const same = thread.pid === thread.tid;
  return thread.name + (same ? ", process " + thread.pid : ", thread " + thread.tid + " of " + thread.pid);
}

function addThread(place, thread) {
  const line = element("div", "thread");
  const head = element("h3", "", title(thread));
  const count = thread.slices === 1 ? "1 scope" : thread.slices.toLocaleString("en") + " scopes";
  const merged = thread.merged_s > 0 ? "; those shorter than " + quantities.duration(thread.merged_s) + " together" : "";
  head.append(" ", element("span", "aside", count + merged));
  line.append(head);
  place.append(line);
  return lanes.add(line, { label: "Scopes of " + title(thread), rowHeight: 15, prepare: () => prepare(thread) });
}

function legendEntries() {
  const names = tacho.contents.categories;
  const entries = names.slice(0, CATEGORIES).map((name, i) => [i, name]);
  if (names.length > CATEGORIES)
    entries.push([lanes.OTHER, names.length - CATEGORIES + " others"]);
  entries.push([lanes.NONE, "no category"]);
  return entries;
}

// More threads on demand: each is a canvas.
function start(place) {
  const { threads } = tacho.contents;
  place.append(lanes.legend(legendEntries()));
  const list = element("div");
  const more = element("button", "more");
  more.type = "button";
  let next = 0;
  function addSome() {
    for (const thread of threads.slice(next, next + AT_FIRST))
      addThread(list, thread);
    next += AT_FIRST;
    more.hidden = next >= threads.length;
    more.textContent = "Show " + Math.min(AT_FIRST, threads.length - next) + " more of " + threads.length + " threads";
  }
  more.addEventListener("click", addSome);
  place.append(list, more);
  addSome();
}

tacho.scopeLanes = { start };
