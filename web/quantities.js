// Numbers -> words, and where the ticks of an axis stand.

function twoDigits(n) {
  return n < 10 ? "0" + n : "" + n;
}

// 0:07.25 or 1:02:03; as many digits after the second as `step_s` needs.
function time(seconds, step_s = 1) {
  if (!Number.isFinite(seconds))
    return "unknown";
  const digits = step_s >= 1 ? 0 : Math.min(9, Math.ceil(-Math.log10(step_s) - 1e-9));
  const unit = 10 ** digits;
  const whole = Math.round(Math.abs(seconds) * unit);
  const s = Math.floor(whole / unit);
  const fraction = digits ? "." + String(whole % unit).padStart(digits, "0") : "";
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  const head = hours ? hours + ":" + twoDigits(minutes) : "" + minutes;
  return (seconds < 0 ? "-" : "") + head + ":" + twoDigits(s % 60) + fraction;
}

// Three digits that count; whole numbers whole where `short`.
function three(value, short) {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4))
    return value.toExponential(2);
  if (size >= 99.95 || size === 0 || (short && Number.isInteger(value)))
    return Math.round(value).toLocaleString("en");
  if (size < 0.0995)
    return String(Number(value.toPrecision(3)));
  const text = value.toFixed(size < 9.995 ? 2 : 1);
  return short ? String(Number(text)) : text;
}

// As three digits, but what is counted has no fractions when it is whole.
function significant(value) {
  return Number.isInteger(value) ? three(value, true) : three(value);
}

// How long something took: 312 ns, 4.20 ms, 5.02 s, 1:05, 26:04:11.
function duration(seconds) {
  if (!Number.isFinite(seconds))
    return "unknown";
  const size = Math.abs(seconds);
  if (size === 0)
    return "0 s";
  if (size >= 59.95)
    return time(seconds);
  if (size >= 0.1)
    return three(seconds) + " s";
  if (size >= 1e-3)
    return three(seconds * 1e3) + " ms";
  return size >= 1e-6 ? three(seconds * 1e6) + " µs" : Math.round(seconds * 1e9) + " ns";
}

const BINARY = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

function bytes(value, short) {
  if (Math.abs(value) < 999.5)
    return Math.round(value) + " B";
  let unit = -1;
  for (; Math.abs(value) >= 999.5 && unit + 1 < BINARY.length; unit++)
    value /= 1024;
  return three(value, short) + " " + BINARY[unit];
}

const FORMS = new Map(Object.entries({
  "cores": (value, short) => three(value, short) + (value === 1 ? " core" : " cores"),
  "bytes": bytes,
  "bytes/s": (value, short) => bytes(value, short) + "/s",
  "count/s": (value, short) => (short ? three(value, true) : significant(value)) + "/s",
}));

// A value with its unit; what is unknown is said.
function quantity(value, unit) {
  if (!Number.isFinite(value))
    return "unknown";
  return (FORMS.get(unit) || significant)(value);
}

// The same where the name of what is counted follows: 8 (processors), 59.6 GiB (memory of the machine).
function amount(value, unit) {
  return unit === "cores" ? significant(value) : quantity(value, unit);
}

// The same on an axis, where space is short and numbers are round; nothing that a sum of floats left over is shown.
function tick(value, unit) {
  const round = Number(value.toPrecision(12));
  return FORMS.has(unit) ? FORMS.get(unit)(round, true) : three(round, true);
}

// Steps 1, 2, 5 times a power of ten; bytes by powers of two below 1024 of each unit.
function niceStep(rough, unit) {
  const base = unit.startsWith("bytes") ? 1024 ** Math.max(0, Math.floor(Math.log(rough) / Math.log(1024))) : 1;
  const within = rough / base;
  if (base > 1 || (unit.startsWith("bytes") && rough >= 1)) {
    for (let step = 1; step <= 512; step *= 2) {
      if (step >= within)
        return step * base;
    }
    return 1024 * base;
  }
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find(step => step * power >= rough * 0.9999) * power;
}

const MOST_TICKS = 50; // whatever the numbers are

// The least range from 0 that holds low and high and ends at a tick: its end and the ticks.
function valueTicks(low, high, unit, most) {
  low = Math.min(0, Number.isFinite(low) ? low : 0);
  high = Math.max(high, low) > low ? high : low + 1;
  let step = niceStep((high - low) / most, unit);
  if (unit === "count" || unit === "bytes")
    step = Math.max(1, step);
  const ticks = [];
  for (let i = Math.floor(low / step); ticks.length < MOST_TICKS; i++) {
    ticks.push(i * step);
    if (i * step >= high)
      break;
  }
  return ticks;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

// Moments of the axis from `from` to `to`, at most `most` of them, and the step between them.
function timeTicks(from, to, most) {
  const rough = (to - from) / Math.max(1, most);
  const step = rough <= 1 ? niceStep(rough, "s") : TIME_STEPS.find(s => s >= rough) || Math.ceil(rough / 86400) * 86400;
  const ticks = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-12); i++)
    ticks.push(i * step);
  return { ticks, step };
}

tacho.quantities = { time, duration, quantity, amount, tick, significant, valueTicks, timeTicks };
