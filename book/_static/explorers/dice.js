/* Two arms that are the same: runs of one and the same net, dealt to "A" and "B" at random.

   One run each names a winner. As runs are added, pair by pair, the mean difference and its interval
   (Student's, as in the book below twenty pairs) say what there is: nothing but the dice. */
"use strict";

Explorers.define("dice", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const names = Object.keys(data.cells);
  const state = { nets: names[0], deal: 1, runs: 1 };
  const [width, height, left, bottom] = [420, 240, 42, 36];
  const slug = (name) => name.replace(/[^a-z0-9]+/gi, "-").toLowerCase();
  const signed = (value) => `${value > 0 ? "+" : ""}${text(100 * value, 1)}`;

  /** Pairs of runs, after a shuffle that is the same in every browser (mulberry32). */
  function dealt(runs, deal) {
    let a = deal >>> 0;
    const next = () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const order = [...runs];
    for (let k = order.length - 1; k > 0; k--) {
      const other = Math.floor(next() * (k + 1));
      [order[k], order[other]] = [order[other], order[k]];
    }
    return Array.from({ length: Math.floor(order.length / 2) }, (_, k) => [order[2 * k], order[2 * k + 1]]);
  }

  /** Mean of differences, and Student's 95 % interval from two of them on. */
  function interval(values) {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    if (values.length < 2) return { mean, low: -Infinity, high: Infinity };
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
    const reach = data.quantiles[values.length - 2] * Math.sqrt(variance / values.length);
    return { mean, low: mean - reach, high: mean + reach };
  }

  /** How often two runs are at least the margin apart, over all pairs of runs. */
  function chance(runs) {
    const gaps = runs.flatMap((a, k) => runs.slice(k + 1).map((b) => Math.abs(a - b)));
    return gaps.filter((gap) => gap >= data.margin - 1e-12).length / gaps.length;
  }

  const axes = draw("g", { class: "curve-axes" });
  const band = draw("path", { class: "dice-band" });
  const mean = draw("path", { class: "curve-all" });
  const dots = draw("g");
  const edge = { x: left, y: 8, width: width - left - 12, height: height - bottom - 8 };
  const plot = draw("svg", { class: "explorer-plot", viewBox: `0 0 ${width} ${height}`, role: "img" }, axes,
    draw("svg", { ...edge, viewBox: Object.values(edge).join(" ") }, band, mean, dots)); // cuts off what leaves the axes
  const first = make("p", { class: "explorer-now" });
  const now = make("p");
  const studies = make("p", { class: "explorer-hint" });
  const status = Explorers.announcer();

  function change(values, byReader = true) {
    Object.assign(state, values);
    const runs = data.cells[state.nets];
    const pairs = dealt(runs, state.deal);
    state.runs = Math.max(1, Math.min(state.runs, pairs.length));
    const gaps = pairs.slice(0, state.runs).map(([a, b]) => a - b);
    const found = gaps.map((_, k) => interval(gaps.slice(0, k + 1)));
    paint(runs, pairs.length, gaps, found);
    const [a, b] = pairs[0], last = found.at(-1);
    const winner = a === b ? "A and B draw" : `${a > b ? "A" : "B"} wins by ${text(100 * Math.abs(a - b), 1)} points`;
    first.textContent = `One run each: A ${text(100 * a, 1)}, B ${text(100 * b, 1)}. ${winner}.`;
    const led = gaps.filter((gap) => gap > 0).length, drawn = gaps.filter((gap) => gap === 0).length;
    const even = last.low <= 0 && last.high >= 0;
    now.textContent = state.runs === 1 ? "A single run each has no interval. Roll on."
      : `${state.runs} runs each: A less B is ${signed(last.mean)} [${signed(last.low)}, ${signed(last.high)}] points, which ${even ? "does not tell them apart" : "names a winner, wrongly"}. `
        + `Taken one by one, A won ${led} and B ${gaps.length - led - drawn} of the ${gaps.length}, by up to ${text(100 * Math.max(...gaps.map(Math.abs)), 1)} points.`;
    const share = chance(runs);
    studies.textContent = `A and B are the same: ${data.arm}, ${state.nets}; only the seed differs. Of all pairs of its ${runs.length} runs, `
      + `${text(100 * share, 0)}\u00a0% are ${text(100 * data.margin, 0)} point or more apart.`;
    plot.setAttribute("aria-label", `Differences of ${state.runs} pairs of runs, their mean and its interval. ${now.textContent}`);
    more.disabled = all.disabled = state.runs === pairs.length;
    chooser.list.value = state.nets;
    status.say(`${first.textContent} ${now.textContent}`);
    Object.assign(root.dataset, { gaps: gaps.join(), mean: last.mean, low: last.low, high: last.high, chance: share });
    where.write({ nets: slug(state.nets), deal: state.deal, runs: state.runs }, byReader);
  }

  function paint(runs, count, gaps, found) {
    const most = 100 * (Math.max(...runs) - Math.min(...runs)) * 1.1 || 1;
    const x = (pair) => left + ((pair + 0.5) / count) * (width - left - 12);
    const y = (gap) => 8 + (0.5 - Math.max(-9 * most, Math.min(9 * most, 100 * gap)) / (2 * most)) * (height - bottom - 8);
    const step = [0.5, 1, 2, 5, 10, 20, 50].find((one) => most / one < 4) ?? 100;
    const ticks = Array.from({ length: 9 }, (_, k) => (k - 4) * step).filter((tick) => Math.abs(tick) <= most);
    axes.replaceChildren(
      draw("rect", { class: "dice-margin", x: left, width: width - left - 12, y: y(data.margin), height: y(-data.margin) - y(data.margin) }),
      draw("path", { d: `M${left} 8V${height - bottom}H${width - 12}M${left} ${y(0)}H${width - 12}` }),
      ...ticks.map((tick) => draw("text", { x: left - 6, y: y(tick / 100) + 4, "text-anchor": "end" }, `${tick}`.replace("-", "−"))),
      ...Array.from({ length: count }, (_, k) => draw("text", { x: x(k), y: height - bottom + 16, "text-anchor": "middle" }, `${k + 1}`)),
      draw("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, "runs each"),
      draw("text", { x: width - 14, y: 20, "text-anchor": "end" }, "A less B (points)"));
    const line = (key, from = 0) => found.slice(from).map((one, k) => `${x(k + from).toFixed(1)} ${y(one[key]).toFixed(1)}`);
    mean.setAttribute("d", `M${line("mean").join("L")}`);
    band.setAttribute("d", found.length > 1 ? `M${line("low", 1).concat(line("high", 1).reverse()).join("L")}z` : "");
    dots.replaceChildren(...gaps.map((gap, k) => draw("circle", { cx: x(k), cy: y(gap), r: 4.5, class: gap > 0 ? "dice-a" : "dice-b" })));
  }

  const chooser = Explorers.choice("Nets", names, (nets) => change({ nets, runs: 1 }));
  const button = (name, act) => make("button", { type: "button", onclick: act }, name);
  const more = button("One more run each", () => change({ runs: state.runs + 1 }));
  const all = button("All runs", () => change({ runs: Infinity }));
  const where = Explorers.address("dice", root, (query) => {
    const nets = names.find((name) => slug(name) === query.get("nets")) ?? state.nets;
    const number = (key) => (/^\d{1,6}$/.test(query.get(key) ?? "") ? Number(query.get(key)) : 1);
    change({ nets, deal: number("deal"), runs: number("runs") }, false);
  });
  live.append(
    chooser.node,
    make("div", { class: "explorer-buttons explorer-main" }, button("Roll the dice", () => change({ deal: state.deal + 1, runs: 1 })), more, all),
    first, plot,
    make("p", { class: "explorer-hint" }, ...["A ahead", "B ahead"].map((name, k) => make("span", { class: `explorer-key dice-${"ab"[k]}` }, name)),
      `Dots: one run each. Line: the mean so far. Shaded: its 95 % interval; the bar across is ±${text(100 * data.margin, 0)} point.`),
    now, studies, where.link, status);
  change({}, false);
  where.open();
});
