"use strict";
// Elements, and charts drawn to the available width, so that their text is as large as the page's.
// Text is inserted as textContent, never as HTML, because names in a dataset are data.

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "text", "title"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

function ticks(low, high, most) {
  const rough = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) {
    found.push(i * step);
  }
  return found;
}

function logTicks(low, high, many) {
  const decades = (high - low) / Math.LN10;
  const found = [];
  for (let power = Math.floor(low / Math.LN10); power <= high / Math.LN10; power += 1) {
    for (const digit of many && decades < 5 ? [1, 2, 5] : [1]) found.push(digit * 10 ** power);
  }
  return found;
}

const short = (x) => String(+x.toPrecision(6));

function chart(holder, xs, ys, names, log) {
  const width = Math.max(holder.clientWidth, 240), height = holder.clientHeight;
  const left = 56, right = 14, top = 14, below = 42;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": names.label });
  const place = log ? Math.log : (x) => x;
  const pad = (low, high, share) => {
    const room = (high - low || Math.abs(high) || 1) * share;
    return [low - room, high + room];
  };
  const [xLow, xHigh] = pad(place(Math.min(...xs)), place(Math.max(...xs)), log ? 0.01 : 0.04);
  const [yLow, yHigh] = pad(Math.min(...ys), Math.max(...ys), 0.05);
  const x = (v) => left + ((place(v) - xLow) / (xHigh - xLow)) * (width - left - right);
  const y = (v) => height - below - ((v - yLow) / (yHigh - yLow)) * (height - top - below);
  for (const tick of ticks(yLow, yHigh, 6)) {
    svg.append(
      make("line", { class: "axis", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
      make("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)),
    );
  }
  const marks = log
    ? logTicks(xLow, xHigh, width > 480).filter((v) => place(v) >= xLow && place(v) <= xHigh)
    : ticks(xLow, xHigh, width > 480 ? 8 : 4);
  for (const tick of marks) {
    svg.append(
      make("line", { class: "axis", x1: x(tick), x2: x(tick), y1: top, y2: height - below }),
      make("text", { x: x(tick), y: height - below + 16, "text-anchor": "middle" }, short(tick)),
    );
  }
  svg.append(
    make("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, names.x),
    make("text", { transform: `translate(12 ${(top + height - below) / 2}) rotate(-90)`, "text-anchor": "middle" }, names.y),
  );
  holder.replaceChildren(svg);
  return { svg, x, y, top, bottom: height - below };
}

function nothing(holder, text) {
  holder.replaceChildren(make("p", { class: "small" }, text));
}

// Fill a table with its head, and rows of a name and cells; cells are texts or elements.
function fillTable(table, head, rows) {
  table.tHead.replaceChildren(make("tr", {},
    ...head.map((text, i) => make("th", { scope: "col", class: i ? "" : "text" }, text))));
  table.tBodies[0].replaceChildren(...rows.map(([name, ...cells]) =>
    make("tr", {}, make("th", { scope: "row", class: "row" }, name),
      ...cells.map((cell) => (cell instanceof Element ? cell : make("td", {}, cell))))));
}
