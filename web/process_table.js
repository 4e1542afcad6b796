// The table of processes: a tree that folds, a list where it is sorted or filtered. Rows that the page does not
// hold are made from the columns, a page of them at a time.

const { quantities, pictures, processLanes } = tacho;
const { element } = pictures;
const PAGE = 200; // rows
const OPEN_AT_FIRST = 40; // rows a tree shows before it is unfolded
const NARROWER = 14; // px a depth is indented
const DEEPEST = 24; // depths that are indented further

// How a column is sorted, and how its cell reads.
const CELLS = {
  name: { of: (p, i) => p.nameOf(i) },
  command: { of: (p, i) => p.commandOf(i), code: true },
  pid: { of: (p, i) => p.pid[i], words: value => "" + value },
  start: { of: (p, i) => p.start[i], words: value => quantities.duration(value) },
  end: { of: (p, i) => p.end[i], words: value => quantities.duration(value) },
  wall: { of: (p, i) => p.ends[i] - p.start[i], words: value => quantities.duration(value) },
  cpu: { of: (p, i) => p.cpu[i], words: value => quantities.duration(value) },
  rss: { of: (p, i) => p.rss[i], words: value => quantities.quantity(value, "bytes") },
  read: { of: (p, i) => p.read[i], words: value => quantities.quantity(value, "bytes") },
  written: { of: (p, i) => p.written[i], words: value => quantities.quantity(value, "bytes") },
  threads: { of: (p, i) => p.threads[i], words: value => quantities.significant(value) },
  status: { of: (p, i) => p.status[i], words: value => processLanes.statusWords(value), wordy: true },
};

function childrenOf(processes) {
  const children = new Map([[-1, []]]);
  for (let i = 0; i < processes.count; i++) {
    const parent = processes.parent[i] >= 0 && processes.parent[i] < processes.count && processes.parent[i] !== i
      ? processes.parent[i] : -1;
    if (!children.has(parent))
      children.set(parent, []);
    children.get(parent).push(i);
  }
  return children;
}

// Opens from the root on, while what is shown stays short.
function openAtFirst(children, count) {
  const open = new Set();
  let shown = children.get(-1).length;
  const waiting = [...children.get(-1)];
  for (let next = 0; next < waiting.length && (shown < OPEN_AT_FIRST || count <= OPEN_AT_FIRST); next++) {
    const below = children.get(waiting[next]);
    if (!below || (open.size && shown + below.length > 2 * OPEN_AT_FIRST))
      continue;
    open.add(waiting[next]);
    shown += below.length;
    waiting.push(...below);
  }
  return open;
}

// The rows of the unfolded tree in order, as [place, depth].
function unfolded(state) {
  const out = [];
  const waiting = state.children.get(-1).map(i => [i, 0]).reverse();
  while (waiting.length) {
    const [i, depth] = waiting.pop();
    out.push([i, depth]);
    const below = state.open.has(i) ? state.children.get(i) || [] : [];
    for (let k = below.length - 1; k >= 0; k--)
      waiting.push([below[k], depth + 1]);
  }
  return out;
}

function matches(processes, i, words) {
  return processes.nameOf(i).toLowerCase().includes(words) || processes.commandOf(i).toLowerCase().includes(words) ||
    ("" + processes.pid[i]).includes(words) || processLanes.statusWords(processes.status[i]).toLowerCase() === words;
}

function listed(state) {
  const { processes, sort, words } = state;
  let places = Array.from({ length: processes.count }, (_, i) => i);
  if (words)
    places = places.filter(i => matches(processes, i, words));
  if (sort) {
    const key = places.map(i => CELLS[sort.name].of(processes, i));
    const by = places.map((_, at) => at);
    by.sort((a, b) => tacho.tables.compare(key[a], key[b], sort.way));
    places = by.map(at => places[at]);
  }
  return places.map(i => [i, 0]);
}

function makeRow(state, i) {
  const row = element("tr");
  row.dataset.row = i;
  for (const name of state.names) {
    const { of, words, code, wordy } = CELLS[name];
    const value = of(state.processes, i);
    const failed = name === "status" && value > 0;
    const cell = element("td", failed ? "bad" : words && !wordy ? "number" : "");
    if (!words) {
      cell.append(code ? element("code", "", value) : value);
    } else if (Number.isFinite(value)) {
      const held = element("data", "", words(value));
      held.setAttribute("value", value);
      cell.append(held);
    }
    row.append(cell);
  }
  return row;
}

function rowFor(state, i, depth) {
  if (!state.made.has(i))
    state.made.set(i, makeRow(state, i));
  const row = state.made.get(i);
  const below = state.tree ? state.children.get(i) : null;
  row.cells[0].style.paddingInlineStart = 22 + NARROWER * Math.min(depth, DEEPEST) + "px";
  row.cells[0].classList.add("branch");
  row.setAttribute("aria-level", depth + 1);
  row.tabIndex = -1;
  if (below)
    row.setAttribute("aria-expanded", state.open.has(i));
  else
    row.removeAttribute("aria-expanded");
  if (below)
    row.cells[0].dataset.below = below.length.toLocaleString("en");
  else
    delete row.cells[0].dataset.below;
  return row;
}

function show(state) {
  state.tree = !state.sort && !state.words;
  state.order = state.tree ? unfolded(state) : listed(state);
  const shown = state.order.slice(0, state.pages * PAGE);
  state.body.replaceChildren(...shown.map(([i, depth]) => rowFor(state, i, depth)));
  if (state.body.rows.length)
    (state.made.get(state.focused) && state.body.contains(state.made.get(state.focused))
      ? state.made.get(state.focused) : state.body.rows[0]).tabIndex = 0;
  const left = state.order.length - shown.length;
  state.more.hidden = left <= 0;
  state.more.textContent = "Show " + Math.min(PAGE, left) + " more of " + state.order.length.toLocaleString("en") + " rows";
  state.treeButton.hidden = state.tree;
  state.box.say(state.tree
    ? tacho.tables.rowsWords(state.processes.count, state.processes.count)
    : tacho.tables.rowsWords(state.order.length, state.processes.count));
}

function focus(state, row) {
  if (!row)
    return;
  for (const other of state.body.querySelectorAll("tr[tabindex='0']"))
    other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
  state.focused = Number(row.dataset.row);
}

function fold(state, i, open) {
  if (!state.tree || !state.children.has(i) || state.open.has(i) === open)
    return false;
  if (open)
    state.open.add(i);
  else
    state.open.delete(i);
  show(state);
  return true;
}

function parentRow(state, row) {
  const level = Number(row.getAttribute("aria-level"));
  let above = row.previousElementSibling;
  while (above && Number(above.getAttribute("aria-level")) >= level)
    above = above.previousElementSibling;
  return above;
}

function keyDown(state, event) {
  const row = event.target.closest("tr");
  if (!row || event.target !== row || event.ctrlKey || event.altKey || event.metaKey)
    return;
  const i = Number(row.dataset.row);
  const act = {
    ArrowDown: () => focus(state, row.nextElementSibling),
    ArrowUp: () => focus(state, row.previousElementSibling),
    Home: () => focus(state, state.body.firstElementChild),
    End: () => focus(state, state.body.lastElementChild),
    ArrowRight: () => fold(state, i, true) ? focus(state, state.made.get(i)) : focus(state, row.nextElementSibling),
    ArrowLeft: () => fold(state, i, false) ? focus(state, state.made.get(i)) : focus(state, parentRow(state, row)),
    Enter: () => fold(state, i, !state.open.has(i)) && focus(state, state.made.get(i)),
  }[event.key];
  if (!act)
    return;
  event.preventDefault();
  act();
}

function tools(state, table) {
  state.box = tacho.tables.filterBox(table, words => {
    state.words = words;
    state.pages = 1;
    show(state);
  });
  const button = (text, act) => {
    const made = element("button", "", text);
    made.type = "button";
    made.addEventListener("click", act);
    state.box.line.append(made);
    return made;
  };
  button("Unfold all", () => { state.open = new Set(state.children.keys()); backToTree(); });
  button("Fold all", () => { state.open = new Set(); backToTree(); });
  state.treeButton = button("Back to the tree", backToTree);
  function backToTree() {
    state.sort = null;
    state.words = state.box.input.value = "";
    for (const header of table.tHead.rows[0].cells)
      header.removeAttribute("aria-sort");
    show(state);
  }
}

function keepStaticRows(state) {
  for (const row of state.body.rows)
    state.made.set(Number(row.dataset.row), row);
}

async function take(table, names) {
  const processes = await processLanes.read();
  const children = childrenOf(processes);
  const state = {
    processes, children, names, body: table.tBodies[0], made: new Map(), open: openAtFirst(children, processes.count),
    sort: null, words: "", pages: 1, focused: -1, tree: true,
  };
  keepStaticRows(state);
  table.setAttribute("role", "treegrid");
  const box = tacho.tables.boxed(table);
  state.more = element("button", "more");
  state.more.type = "button";
  state.more.addEventListener("click", () => { state.pages += 3; show(state); });
  box.after(state.more);
  tools(state, table);
  tacho.tables.sortable(table, (column, way) => {
    state.sort = { name: names[column], way };
    state.pages = 1;
    show(state);
  }, column => Boolean(CELLS[names[column]].words));
  state.body.addEventListener("keydown", event => keyDown(state, event));
  state.body.addEventListener("click", event => {
    const row = event.target.closest("tr");
    const i = row ? Number(row.dataset.row) : -1;
    if (row && event.target.closest("td.branch") && !String(getSelection()))
      fold(state, i, !state.open.has(i));
    if (row)
      focus(state, state.made.get(i));
  });
  show(state);
}

// True where the table is one of these, and its headers say what its columns are.
function start(table) {
  if (table.id !== "process-table" || !tacho.contents || !tacho.contents.processes || !table.tHead || !table.tBodies[0])
    return false;
  const names = [...table.tHead.rows[0].cells].map(header => header.dataset.column);
  if (!names.every(name => Object.hasOwn(CELLS, name)))
    return false;
  take(table, names).catch(() => tacho.tables.boxed(table));
  return true;
}

tacho.processTable = { start };
