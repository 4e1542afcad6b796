// Tables that are sorted and filtered in place. Without script they are as the program ordered them.

const { element } = tacho.pictures;
const FILTERED_FROM = 8; // rows; a shorter table needs no box for it
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// What a cell is sorted by: the number of its <data>, else its text. Empty cells are unknown.
function keyOf(cell) {
  const held = cell && cell.querySelector("data[value]");
  const text = cell ? cell.textContent.trim() : "";
  if (held && held.getAttribute("value") !== "")
    return Number(held.getAttribute("value"));
  return text === "" ? NaN : text;
}

// Below 0: a before b. The unknown comes last whichever way the rest goes.
function compare(a, b, way) {
  const unknownA = a !== a;
  const unknownB = b !== b;
  if (unknownA || unknownB)
    return unknownA - unknownB;
  const less = typeof a === "number" && typeof b === "number" ? a - b : order.compare(String(a), String(b));
  return way === "ascending" ? less : -less;
}

// In a box of its own, so that a wide table scrolls and the page does not.
function boxed(table) {
  if (table.parentElement.classList.contains("table-box"))
    return table.parentElement;
  const box = element("div", "table-box");
  const heading = table.closest("section") && table.closest("section").querySelector("h2");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Table: " + (table.caption ? table.caption : heading || table).textContent.trim().slice(0, 80));
  table.replaceWith(box);
  box.append(table);
  return box;
}

// Buttons into the headers. The first click on numbers brings the greatest up, on texts the first of the alphabet.
function sortable(table, sort, isNumber) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    if (!header.textContent.trim() || header.hasAttribute("data-unsorted"))
      return;
    const button = element("button", "sort");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const first = isNumber(column) ? "descending" : "ascending";
      const now = header.getAttribute("aria-sort");
      const way = now === first ? (first === "ascending" ? "descending" : "ascending") : first;
      headers.forEach(other => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", way);
      sort(column, way);
    });
  });
}

let boxes = 0;

// A box for words, and how many rows have them.
function filterBox(table, filter) {
  const line = element("div", "table-tools");
  const label = element("label", "", "Filter");
  const input = element("input");
  const count = element("output");
  input.type = "search";
  input.id = "filter-" + ++boxes;
  label.htmlFor = count.htmlFor = input.id;
  count.setAttribute("aria-live", "polite");
  input.addEventListener("input", () => filter(input.value.trim().toLowerCase()));
  line.append(label, input, count);
  boxed(table).before(line);
  return { line, input, say: text => { count.textContent = text; } };
}

function rowsWords(shown, all) {
  const rows = all === 1 ? " row" : " rows";
  return (shown === all ? "" : shown.toLocaleString("en") + " of ") + all.toLocaleString("en") + rows;
}

function plain(table) {
  const body = table.tBodies[0];
  if (!table.tHead || !table.tHead.rows.length || !body)
    return;
  const rows = [...body.rows];
  boxed(table);
  const keys = new Map();
  function keysOf(column) {
    if (!keys.has(column))
      keys.set(column, new Map(rows.map(row => [row, keyOf(row.cells[column])])));
    return keys.get(column);
  }
  const isNumber = column => rows.some(row => typeof keysOf(column).get(row) === "number");
  sortable(table, (column, way) => {
    const key = keysOf(column);
    rows.sort((a, b) => compare(key.get(a), key.get(b), way));
    body.append(...rows);
  }, isNumber);
  if (rows.length < FILTERED_FROM)
    return;
  const box = filterBox(table, words => {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(words);
      shown += !row.hidden;
    }
    box.say(rowsWords(shown, rows.length));
  });
  box.say(rowsWords(rows.length, rows.length));
}

function start() {
  for (const table of document.querySelectorAll("table.sortable")) {
    if (!tacho.processTable.start(table))
      plain(table);
  }
  // Others only scroll.
  for (const table of document.querySelectorAll("main table:not(.sortable)"))
    boxed(table);
}

tacho.tables = { start, boxed, sortable, filterBox, compare, rowsWords };
