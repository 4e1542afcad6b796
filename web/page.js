// Finds the parts of the page and starts them.

const { element } = tacho.pictures;

function themeButton() {
  const header = document.querySelector("header.session");
  if (!header)
    return;
  const button = element("button", "theme");
  button.type = "button";
  const say = () => { button.textContent = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[tacho.colours.theme]; };
  button.setAttribute("aria-label", "Colours: automatic, light or dark");
  button.addEventListener("click", () => {
    tacho.colours.nextTheme();
    say();
  });
  say();
  header.append(button);
}

// All that has the common time axis goes into one frame: the bar stays in sight above it, one line is the cursor of all.
function makeFrame(sections) {
  const frame = element("div", "pictures-frame");
  sections[0].before(frame);
  const last = sections[sections.length - 1];
  while (frame.nextElementSibling && frame.nextElementSibling !== last)
    frame.append(frame.nextElementSibling);
  frame.append(last);
  return frame;
}

function followCursor(frame) {
  const line = element("div", "cursor");
  line.hidden = true;
  line.setAttribute("aria-hidden", "true");
  frame.append(line);
  tacho.span.listen((shown, cursor) => {
    line.hidden = cursor === null || cursor < shown.from || cursor > shown.to;
    if (!line.hidden)
      line.style.transform = "translateX(" + Math.round(tacho.pictures.geometry().x(cursor)) + "px)";
  });
}

function startPictures() {
  const sections = ["charts", "process-lanes", "scope-lanes"].map(id => document.getElementById(id)).filter(Boolean);
  if (!sections.length)
    return;
  const frame = makeFrame(sections);
  const controls = document.querySelector("#charts .controls") || element("div", "controls");
  frame.prepend(tacho.timebar.make(controls));
  followCursor(frame);
  tacho.gestures.start(frame);
  tacho.pictures.start(frame);
  const [charts, processes, scopes] = ["#charts .pictures", "#process-lanes .picture", "#scope-lanes .picture"]
    .map(place => document.querySelector(place));
  if (charts)
    tacho.contents.charts.forEach(chart => tacho.charts.add(charts, chart));
  if (processes && tacho.contents.processes)
    tacho.processLanes.start(processes);
  if (scopes && tacho.contents.threads.length)
    tacho.scopeLanes.start(scopes);
}

async function startLabels() {
  if (!tacho.contents.labels || !tacho.contents.labels.count)
    return;
  await tacho.labels.read();
  const bar = document.querySelector(".time-axis");
  if (!bar)
    return;
  document.querySelector(".timebar").after(tacho.labels.list());
  tacho.pictures.changed();
}

async function start() {
  document.documentElement.classList.add("scripted");
  tacho.tip.start();
  themeButton();
  if (tacho.contents)
    startPictures();
  tacho.tables.start();
  if (!tacho.contents)
    return;
  await startLabels().catch(() => {}); // the pictures do without
  await tacho.pictures.prepareRest();
  document.documentElement.dataset.ready = "";
}

if (document.readyState === "loading")
  document.addEventListener("DOMContentLoaded", start);
else
  start();
