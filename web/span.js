// The stretch of time that all pictures show, and the cursor: one of each for the whole page.

const listeners = [];
let total_s = 1;
let least_s = 1e-6; // below this a picture has nothing to show, and numbers of seconds have no digits left
let shown = { from: 0, to: total_s };
let cursor = null;
let due = false;
let saving = 0;

// All changes of one frame are told of once.
function changed() {
  if (due)
    return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    for (const listener of listeners)
      listener(shown, cursor);
  });
}

function set(from, to) {
  const length = Math.min(total_s, Math.max(least_s, to - from));
  from = Math.min(Math.max(0, from), total_s - length);
  if (from === shown.from && from + length === shown.to)
    return;
  shown = { from, to: from + length };
  clearTimeout(saving);
  saving = setTimeout(save, 250);
  changed();
}

// factor below 1 shows less time; `at` stays where it is on the screen.
function zoom(factor, at = cursor) {
  const middle = at !== null && at >= shown.from && at <= shown.to ? at : (shown.from + shown.to) / 2;
  const length = Math.min(total_s, Math.max(least_s, (shown.to - shown.from) * factor));
  const share = (middle - shown.from) / (shown.to - shown.from);
  set(middle - share * length, middle + (1 - share) * length);
}

function pan(seconds) {
  set(shown.from + seconds, shown.to + seconds);
}

function reset() {
  set(0, total_s);
}

function point(seconds) {
  const to = seconds === null ? null : Math.min(Math.max(0, seconds), total_s);
  if (to === cursor)
    return;
  cursor = to;
  changed();
}

// Shows a moment and its surroundings, without going closer than one is.
function visit(seconds) {
  if (seconds < shown.from || seconds > shown.to)
    pan(seconds - (shown.from + shown.to) / 2);
  point(seconds);
}

// So that a stretch can be sent to someone with the file.
function save() {
  const whole = shown.from === 0 && shown.to === total_s;
  try {
    const digits = Math.max(0, Math.ceil(3 - Math.log10(shown.to - shown.from)));
    const hash = whole ? "#" : "#t=" + shown.from.toFixed(digits) + "," + shown.to.toFixed(digits);
    if (hash !== (location.hash || "#"))
      history.replaceState(null, "", hash);
  } catch (e) {
    // Some browsers allow no such thing in a file; then the stretch is not kept.
  }
}

function restore() {
  const match = /^#t=([0-9.]+),([0-9.]+)$/.exec(location.hash);
  if (match && Number(match[2]) > Number(match[1]))
    set(Number(match[1]), Number(match[2]));
}

function start(seconds) {
  total_s = Math.max(seconds, 1e-6);
  least_s = Math.max(1e-6, total_s * 1e-9);
  shown = { from: 0, to: total_s };
  restore();
  addEventListener("hashchange", restore);
}

tacho.span = {
  start,
  get total_s() { return total_s; },
  get shown() { return shown; },
  get cursor() { return cursor; },
  listen: listener => listeners.push(listener),
  set, zoom, pan, reset, point, visit,
};
