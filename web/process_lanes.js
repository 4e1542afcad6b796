// The time line of processes: each below its parent, in the first row that is free when it starts.

const { quantities, colours, lanes } = tacho;
const SIGNALS = ["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
  "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
  "WINCH", "IO", "PWR", "SYS"];
const COLUMNS = ["start", "end", "parent", "pid", "name", "command", "status", "cpu", "rss", "read", "written", "threads"];

let reading = null;

// All there is to know about processes, read once for the lanes and the table.
function read() {
  reading = reading || (async () => {
    const columns = await tacho.unpack.columnsOf(tacho.contents.processes, COLUMNS);
    const texts = await tacho.unpack.texts();
    const count = tacho.contents.processes.count;
    const ends = Float64Array.from(columns.end, end => end === end ? end : tacho.span.total_s);
    const text = i => texts[i] === undefined ? "" : texts[i];
    return {
      ...columns, count, ends,
      nameOf: i => text(columns.name[i]),
      commandOf: i => text(columns.command[i]),
    };
  })();
  return reading;
}

// "exit 0", "SIGKILL", or nothing where it is unknown.
function statusWords(status) {
  if (!Number.isFinite(status))
    return "";
  return status < 256 ? "exit " + status : SIGNALS[status - 256] ? "SIG" + SIGNALS[status - 256] : "signal " + (status - 256);
}

// Ends of rows as a tree of minima, so that the first free row from some row on is found without asking all.
function freeRows(most) {
  let size = 1;
  while (size < most)
    size *= 2;
  const least = new Float64Array(2 * size).fill(-Infinity);

  function set(row, end) {
    let at = size + row;
    least[at] = end;
    for (at >>= 1; at >= 1; at >>= 1)
      least[at] = Math.min(least[2 * at], least[2 * at + 1]);
  }

  // In the part of the tree at `at`, which begins at row `begin` and has `length` rows; -1: none there.
  function find(from, start, at, begin, length) {
    if (begin + length <= from || least[at] > start)
      return -1;
    if (length === 1)
      return begin;
    const left = find(from, start, 2 * at, begin, length / 2);
    return left >= 0 ? left : find(from, start, 2 * at + 1, begin + length / 2, length / 2);
  }

  return { set, first: (from, start) => find(from, start, 1, 0, size) };
}

function pack(processes) {
  const { start, ends, parent, count } = processes;
  const order = Array.from({ length: count }, (_, i) => i).filter(i => Number.isFinite(start[i]));
  order.sort((a, b) => start[a] - start[b] || a - b);
  const rowOf = new Int32Array(count).fill(-1);
  const free = freeRows(count + 1);
  for (const i of order) {
    const above = Number.isFinite(parent[i]) && parent[i] !== i ? rowOf[parent[i]] : -1;
    const row = Math.max(0, free.first(above + 1, start[i]));
    rowOf[i] = row;
    free.set(row, Math.max(ends[i], start[i]));
  }
  return { rowOf, order };
}

// Bars must be in order of time within their rows.
function inOrder({ rowOf, order }, processes) {
  const made = lanes.rowsFrom(order.map(i => rowOf[i]),
    order.map(i => processes.start[i]), order.map(i => processes.ends[i]));
  for (const row of made) {
    for (let i = 0; i < row.index.length; i++)
      row.index[i] = order[row.index[i]];
  }
  return made;
}

const rows = processes => inOrder(pack(processes), processes);

// Programs by the processor time they took, most first; each with its count.
function programs(processes) {
  const found = new Map();
  for (let i = 0; i < processes.count; i++) {
    const name = processes.nameOf(i);
    const one = found.get(name) || { name, count: 0, cpu: 0 };
    one.count++;
    one.cpu += processes.cpu[i] || 0;
    found.set(name, one);
  }
  return [...found.values()].sort((a, b) => b.cpu - a.cpu || b.count - a.count);
}

function describe(processes, i) {
  const failed = processes.status[i] > 0;
  const words = [
    ["command", processes.commandOf(i).slice(0, 300)],
    ["from", quantities.time(processes.start[i], 0.001)],
    ["for", quantities.duration(processes.ends[i] - processes.start[i]) + (Number.isFinite(processes.end[i]) ? "" : " and on")],
    ["CPU", quantities.duration(processes.cpu[i])],
    ["peak RSS", quantities.quantity(processes.rss[i], "bytes")],
    ["read, written", quantities.quantity(processes.read[i], "bytes") + ", " + quantities.quantity(processes.written[i], "bytes")],
    ["ended by", (statusWords(processes.status[i]) || "unknown") + (failed ? " (failed)" : "")],
  ];
  return { title: processes.nameOf(i) + " " + processes.pid[i], rows: words };
}

// Names before they are read have no colour, so the most expensive programs ask first.
function paints(processes, ranked) {
  const place = new Map(ranked.map(one => [one.name, colours.program(one.name)]));
  return Uint8Array.from({ length: processes.count }, (_, i) => {
    const paint = place.get(processes.nameOf(i));
    return paint < 0 ? lanes.OTHER : paint;
  });
}

function showLegend(place, processes, ranked) {
  const entries = [];
  let rest = 0;
  for (const { name, count } of ranked) {
    const paint = colours.program(name);
    if (paint >= 0)
      entries.push([paint, name + " (" + count.toLocaleString("en") + ")"]);
    else
      rest += count;
  }
  if (rest)
    entries.push([lanes.OTHER, "others (" + rest.toLocaleString("en") + ")"]);
  const failed = processes.status.reduce((n, status) => n + (status > 0), 0);
  if (failed)
    entries.push(["failed", "failed (" + failed.toLocaleString("en") + ")"]);
  place.prepend(lanes.legend(entries));
}

async function prepare(place) {
  const processes = await read();
  const ranked = programs(processes);
  const paint = paints(processes, ranked);
  showLegend(place, processes, ranked);
  return {
    rows: rows(processes),
    paint,
    marked: Uint8Array.from(processes.status, status => status > 0 ? 1 : 0),
    // Isolated, so that a name that reads from right to left leaves the number in its place.
    text: i => "\u2068" + processes.nameOf(i) + "\u2069 " + processes.pid[i],
    describe: i => describe(processes, i),
  };
}

function start(place) {
  return lanes.add(place, { label: "Processes over time", rowHeight: 13, prepare: () => prepare(place) });
}

tacho.processLanes = { start, read, rows, statusWords };
