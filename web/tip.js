// The little box beside the pointer, and the same words for those who only hear the page.

const { element } = tacho.pictures;
let box;
let heard;

function fill(title, rows) {
  box.replaceChildren(element("strong", "", title));
  const list = element("dl");
  for (const [name, value] of rows)
    list.append(element("dt", "", name), element("dd", "", value));
  box.append(list);
}

// Near a point of the window, and always inside it.
function show(x, y, title, rows) {
  fill(title, rows);
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
  const top = y + 14 + height > innerHeight ? y - 14 - height : y + 14;
  box.style.left = Math.max(4, left) + "px";
  box.style.top = Math.max(4, top) + "px";
}

function hide() {
  box.hidden = true;
}

function say(text) {
  heard.textContent = text;
}

function start() {
  box = element("div", "tip");
  box.hidden = true;
  box.setAttribute("aria-hidden", "true");
  heard = element("div", "heard");
  heard.setAttribute("role", "status");
  document.body.append(box, heard);
  addEventListener("scroll", hide, { passive: true });
}

tacho.tip = { show, hide, say, start };
