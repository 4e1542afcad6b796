// Labels: where they are in time, dashed lines through all pictures, and a list for the keyboard.

const { element } = tacho.pictures;
const LISTED = 500;
const MANY = 120; // lines in a picture beyond which they are faint

let labels = null; // {at, text, pid, order}

async function read() {
  const { at, text, pid } = await tacho.unpack.columnsOf(tacho.contents.labels, ["at", "text", "pid"]);
  const texts = await tacho.unpack.texts();
  const order = Array.from(at.keys()).filter(i => Number.isFinite(at[i])).sort((a, b) => at[a] - at[b]);
  labels = {
    at: Float64Array.from(order, i => at[i]),
    text: order.map(i => texts[text[i]] || ""),
    pid: order.map(i => pid[i]),
  };
}

// The first label at or after a moment.
function firstFrom(seconds) {
  let low = 0;
  let high = labels.at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (labels.at[middle] < seconds)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Labels that are shown, as [first, last) of all of them in order of time.
function shown() {
  if (!labels)
    return [0, 0];
  const { from, to } = tacho.span.shown;
  return [firstFrom(from), firstFrom(to + 1e-12)];
}

// Through a picture whose plot is at left, top, in its canvas's own pixels; one line a pixel is enough.
function drawLines(ctx, left, top, width, height, ratio) {
  const [first, last] = shown();
  if (first === last)
    return;
  const { from, to } = tacho.span.shown;
  const step = Math.max(1, ratio);
  ctx.save();
  ctx.strokeStyle = tacho.colours.named("label");
  ctx.globalAlpha = last - first > MANY ? 0.2 : 0.55;
  ctx.lineWidth = step;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  let before = -1;
  for (let i = first; i < last; i++) {
    const x = Math.round(left + (labels.at[i] - from) / (to - from) * width) + 0.5;
    if (x - before < step)
      continue;
    before = x;
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
  }
  ctx.stroke();
  ctx.restore();
}

function listItem(i) {
  const item = element("li");
  const button = element("button", "plain");
  button.type = "button";
  button.append(element("span", "when", tacho.quantities.time(labels.at[i], tacho.span.total_s / 1000)), " ",
    element("span", "", labels.text[i]));
  button.addEventListener("click", () => {
    const { from, to } = tacho.span.shown;
    const length = Math.min(to - from, tacho.span.total_s / 20);
    tacho.span.set(labels.at[i] - length / 2, labels.at[i] + length / 2);
    tacho.span.point(labels.at[i]);
  });
  item.append(button);
  return item;
}

// For those who do not point: each goes to its moment.
function list() {
  const details = element("details", "label-list");
  const count = labels.at.length;
  details.append(element("summary", "", count === 1 ? "1 label" : count.toLocaleString("en") + " labels"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("ol"))
      return;
    const items = element("ol");
    for (let i = 0; i < Math.min(LISTED, count); i++)
      items.append(listItem(i));
    details.append(items);
    if (count > LISTED)
      details.append(element("p", "aside", "The first " + LISTED + " of them."));
  });
  return details;
}

tacho.labels = { read, list, shown, drawLines, get all() { return labels; } };
