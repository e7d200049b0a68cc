(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 15;
  const MOST_SHOWN = 8;
  const archs = data.architectures;
  const count = archs.code.length;
  const state = { set: 0, image: 0, target: "", sort: null, descending: true, page: 0, chosen: [] };

  const byId = (id) => document.getElementById(id);
  const current = () => data.sets[state.set];
  const decibel = (value, digits = 2) => (value == null ? "–" : (value / 1000).toFixed(digits));
  const imageLabel = (i) =>
    data.images[i].name + (data.images[i].status === "substitute" ? "*" : "");

  function fill(select, values, all) {
    select.append(make("option", { value: "" }, all));
    for (const value of values) select.append(make("option", { value }, value));
  }

  // The table of architectures

  function value(row, key) {
    if (key === "code") return row;
    if (key.startsWith("image:")) return current().targets[state.target][row][+key.slice(6)];
    return (current()[key] ?? archs[key])[row];
  }

  // The selected image comes first, so on a phone it is next to the architecture's name.
  const columns = () => [
    { key: "code", name: "Architecture", text: true },
    imageColumn(state.image, true),
    { key: "sampling", name: "Sampling", text: true },
    { key: "transform", name: "Transform", text: true },
    { key: "kernel", name: "Kernel" },
    { key: "activation", name: "Activation", text: true },
    { key: "parameters", name: "Parameters", show: (v) => v.toLocaleString("en") },
    { key: "flops", name: "GFLOP per run", show: (v) => (v / 1e9).toFixed(0) },
    ...data.images.map((_, i) => imageColumn(i, false)).filter((_, i) => i !== state.image),
  ];

  function imageColumn(i, shown) {
    return { key: `image:${i}`, name: imageLabel(i), show: (v) => decibel(v), shown };
  }

  function rows() {
    const code = byId("filter-code").value.trim();
    const wanted = ["sampling", "transform", "activation"].map((name) => [
      name, byId(`filter-${name}`).value,
    ]);
    const withRuns = byId("filter-runs").checked;
    const status = current().status;
    const found = [];
    for (let row = 0; row < count; row += 1) {
      if (code && !archs.code[row].includes(code)) continue;
      if (wanted.some(([name, want]) => want && archs[name][row] !== want)) continue;
      if (withRuns && status[row][state.image] === ".") continue;
      found.push(row);
    }
    const key = state.sort ?? `image:${state.image}`;
    const sign = state.descending ? -1 : 1;
    // Missing values come last in either order; ties keep the release's order.
    return found.sort((a, b) => {
      const x = value(a, key), y = value(b, key);
      if (x == null || y == null) return (x == null) - (y == null) || a - b;
      if (x === y) return a - b;
      return x < y ? -sign : sign;
    });
  }

  function drawHead() {
    const head = byId("architecture-table").tHead;
    const sorted = state.sort ?? `image:${state.image}`;
    const line = make("tr", {}, make("th", { scope: "col" }, "Curve"));
    for (const column of columns()) {
      const order = column.key !== sorted ? "none" : state.descending ? "descending" : "ascending";
      const button = make("button", { type: "button", "data-key": column.key }, column.name);
      button.addEventListener("click", () => {
        const numeric = !column.text;
        state.descending = column.key === sorted ? !state.descending : numeric;
        state.sort = column.key;
        state.page = 0;
        drawTable();
        // The header was redrawn: keep the focus on the column.
        head.querySelector(`button[data-key="${column.key}"]`).focus();
      });
      const kind = (column.text ? "text" : "") + (column.shown ? " shown" : "");
      line.append(make("th", { scope: "col", "aria-sort": order, class: kind }, button));
    }
    head.replaceChildren(line);
  }

  function drawTable() {
    drawHead();
    const found = rows();
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE;
    const shown = found.slice(first, first + PAGE);
    const lines = shown.map((row) => {
      const box = make("input", { type: "checkbox", "aria-label": `curve of ${archs.code[row]}` });
      box.dataset.row = row;
      box.checked = state.chosen.includes(row);
      box.addEventListener("change", () => toggle(row));
      const line = make("tr", {}, make("td", {}, box));
      for (const column of columns()) {
        const raw = column.key === "code" ? archs.code[row] : value(row, column.key);
        const text = raw == null ? "–" : column.show ? column.show(raw) : raw;
        const kind = (column.text ? "text" : "") + (column.shown ? " shown" : "");
        line.append(
          column.key === "code"
            ? make("th", { scope: "row", class: "row" }, text)
            : make("td", { class: kind }, text),
        );
      }
      return line;
    });
    byId("architecture-table").tBodies[0].replaceChildren(...lines);
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
    byId("range").textContent = found.length
      ? `${first + 1}–${first + shown.length} of ${found.length}`
      : "No architecture matches the filters.";
  }

  function drawCurves() {
    const set = current(), holder = byId("curves-chart");
    const shown = state.chosen.filter((row) => set.curves[row] && set.curves[row][state.image]);
    const absent = state.chosen.length - shown.length;
    byId("curves-text").textContent =
      `${shown.length} of at most ${MOST_SHOWN} shown: ${set.task} at ${set.fidelity}, ` +
      `${imageLabel(state.image)}, smoothed PSNR. Corrupted image: ` +
      `${decibel(set.corrupted[state.image])} dB. Stop at iteration ${set.stop}.` +
      (absent ? ` ${absent} of the chosen have no run here.` : "");
    byId("curves-legend").replaceChildren(
      ...state.chosen.map((row, n) => {
        const swatch = make("i");
        swatch.style.background = `var(--c${n})`;
        const best = decibel(set.targets[state.target][row][state.image]);
        const button = make("button", { type: "button", "aria-label": `hide ${archs.code[row]}` },
          swatch, `${archs.code[row]} ${best} dB ✕`);
        button.addEventListener("click", () => {
          toggle(row);
          (byId("curves-legend").querySelector("button") ?? byId("choose-best")).focus();
        });
        return make("li", {}, button);
      }),
    );
    if (!shown.length) {
      nothing(holder, "No curves to show. Choose architectures in the table above, or the five best.");
      return;
    }
    const all = shown.flatMap((row) => set.curves[row][state.image]).filter((v) => v != null);
    const names = {
      x: "iteration (logarithmic)", y: "PSNR, dB",
      label: `Learning curves of ${shown.length} architectures; the list below has their numbers`,
    };
    const plot = chart(holder, set.points, all.map((v) => v / 1000), names, true);
    plot.svg.append(
      make("line", { class: "axis", "stroke-dasharray": "5 4", x1: plot.x(set.stop), x2: plot.x(set.stop), y1: plot.top, y2: plot.bottom }),
    );
    for (const row of shown) {
      let path = "";
      set.curves[row][state.image].forEach((v, i) => {
        if (v == null) return;
        path += `${path ? "L" : "M"}${plot.x(set.points[i]).toFixed(1)} ${plot.y(v / 1000).toFixed(1)}`;
      });
      const curve = make("path", { class: "curve", d: path }, make("title", {}, archs.code[row]));
      curve.style.stroke = `var(--c${state.chosen.indexOf(row)})`;
      plot.svg.append(curve);
    }
  }

  function scoreOf(key, row) {
    const found = current().scores[key][row];
    return Array.isArray(found) ? found[state.image] : found;
  }

  function drawScatter() {
    const set = current(), key = byId("score").value, holder = byId("scatter-chart");
    const text = byId("scatter-text");
    if (!key) {
      text.textContent = "The release has no scores for this task.";
      nothing(holder, "No scores.");
      return;
    }
    const values = set.targets[state.target];
    const points = [];
    for (let row = 0; row < count; row += 1) {
      const score = scoreOf(key, row), psnr = values[row][state.image];
      if (score != null && psnr != null) points.push([row, score, psnr / 1000]);
    }
    text.textContent =
      `${key}, ${imageLabel(state.image)}, ${set.task} at ${set.fidelity}: ` +
      `${points.length} of ${count} architectures.`;
    if (!points.length) {
      nothing(holder, "No architecture has both a score and a run on this image.");
      return;
    }
    const names = { x: key, y: "PSNR, dB", label: text.textContent };
    const scores = points.map((p) => p[1]);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    const log = low > 0 && high > 100 * low;
    if (log) names.x += " (logarithmic)";
    const plot = chart(holder, scores, points.map((p) => p[2]), names, log);
    for (const [row, score, psnr] of points) {
      const place = state.chosen.indexOf(row);
      const dot = make("circle",
        { class: "dot", cx: plot.x(score).toFixed(1), cy: plot.y(psnr).toFixed(1), r: place < 0 ? 4 : 7 },
        make("title", {}, `${archs.code[row]}: ${score}, ${psnr.toFixed(2)} dB`));
      if (place >= 0) dot.style.fill = `var(--c${place})`;
      dot.addEventListener("click", () => toggle(row));
      plot.svg.append(dot);
    }
  }

  function heated(text, share) {
    const cell = make("td", {}, text);
    cell.style.background = `rgba(var(--heat), ${share.toFixed(3)})`;
    return cell;
  }

  function drawCoverage() {
    const groups = new Map();
    for (const [fidelity, task, image, seed, expected, ok, diverged, failed] of data.coverage) {
      const key = `${task} at ${fidelity}, seed ${seed}`;
      if (!groups.has(key)) groups.set(key, new Map());
      const bad = (diverged ? ` d${diverged}` : "") + (failed ? ` f${failed}` : "");
      groups.get(key).set(image, [`${ok}/${expected}${bad}`, 0.45 * ok / expected]);
    }
    fillTable(byId("coverage-table"), ["Runs", ...data.images.map((_, i) => imageLabel(i))],
      [...groups].map(([key, cells]) =>
        [key, ...data.images.map(({ name }) => heated(...(cells.get(name) ?? ["0", 0])))]));
  }

  // Events

  function toggle(row) {
    if (state.chosen.includes(row)) state.chosen = state.chosen.filter((one) => one !== row);
    else state.chosen = [...state.chosen, row].slice(-MOST_SHOWN);
    for (const box of document.querySelectorAll("#architecture-table input")) {
      box.checked = state.chosen.includes(+box.dataset.row);
    }
    drawCurves();
    drawScatter();
  }

  function chooseBest() {
    const values = current().targets[state.target];
    const having = [...Array(count).keys()].filter((row) => values[row][state.image] != null);
    having.sort((a, b) => values[b][state.image] - values[a][state.image] || a - b);
    state.chosen = having.slice(0, 5);
  }

  function drawAll() {
    drawTable();
    drawCurves();
    drawScatter();
  }

  function listScores() {
    const select = byId("score"), before = select.value;
    const keys = Object.keys(current().scores);
    select.replaceChildren(...keys.map((key) => make("option", { value: key }, key)));
    const wanted = [before, "psd_db_strip_mse/corrupted"].find((key) => keys.includes(key));
    if (wanted) select.value = wanted;
  }

  for (const name of ["sampling", "transform", "activation"]) {
    fill(byId(`filter-${name}`), [...new Set(archs[name])].sort(), "any");
    byId(`filter-${name}`).addEventListener("change", () => { state.page = 0; drawTable(); });
  }
  byId("filter-code").addEventListener("input", () => { state.page = 0; drawTable(); });
  byId("filter-runs").addEventListener("change", () => { state.page = 0; drawTable(); });
  byId("previous").addEventListener("click", () => { state.page -= 1; drawTable(); });
  byId("next").addEventListener("click", () => { state.page += 1; drawTable(); });
  byId("set").addEventListener("change", (event) => { state.set = +event.target.value; listScores(); chooseBest(); drawAll(); });
  byId("image").addEventListener("change", (event) => { state.image = +event.target.value; chooseBest(); drawAll(); });
  byId("target").addEventListener("change", (event) => { state.target = event.target.value; drawAll(); });
  byId("score").addEventListener("change", drawScatter);
  byId("choose-best").addEventListener("click", () => { chooseBest(); drawAll(); });
  byId("choose-none").addEventListener("click", () => { state.chosen = []; drawAll(); });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    drawCurves();
    drawScatter();
  });

  // A browser may restore the last visit's choices in the controls: start from them.
  state.set = +byId("set").value;
  state.image = +byId("image").value;
  state.target = byId("target").value;
  listScores();
  chooseBest();
  drawAll();
  drawCoverage();
})();
