/* A verdict under the reader's own choices, from the runs that the edition stores.

   The rules are those of `analysis.trained_comparisons`, step by step: paired differences, their tests,
   a correction over the whole table, intervals, an answer for each cell, and the ladder from answers to
   a verdict. Of the bootstrap, which a page cannot draw as Python does, the quantiles come along. */
"use strict";

Explorers.define("verdict", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const CHOICES = {
    margin: data.margins,
    seeds: ["all", "even", "odd"],
    correction: ["Holm", "Bonferroni", "Benjamini–Hochberg", "none"],
    interval: ["the book's", "Student's", "normal"],
  };
  const BOOK = { margin: data.margin, seeds: "all", correction: "Holm", interval: "the book's" };
  const state = { row: data.row, ...BOOK };
  const [LEVEL, ROUNDING] = [0.05, 3e-7]; // scores come as float32
  const floats = (packed) => new Float32Array(Explorers.bytes(packed).buffer);

  /** Runs by task, net and arm; the place in a list is the seed. */
  const cells = (() => {
    const all = floats(data.runs);
    let place = 0;
    return data.cells.map(([task, network, arms]) => ({
      task, network, arms: Object.fromEntries(arms.map(([arm, count]) => [arm, all.subarray(place, place += count)])),
    }));
  })();
  const quantiles = floats(data.quantiles);
  const resampled = new Map(data.resampled.map((key, k) => [key, quantiles.subarray(4 * k, 4 * k + 4)]));

  // --- Distributions --------------------------------------------------------------------------

  function logGamma(x) { // Lanczos
    const terms = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.001208650973866179, -0.000005395239384953];
    const sum = terms.reduce((all, term, k) => all + term / (x + 1 + k), 1.000000000190015);
    return (x + 0.5) * Math.log(x + 5.5) - x - 5.5 + Math.log((2.5066282746310005 * sum) / x);
  }

  /** Incomplete beta function, regularised, by its continued fraction (Lentz). */
  function beta(x, a, b) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
    let c = 1, d = 1 / (1 - ((a + b) * x) / (a + 1)), value = d;
    for (let m = 1; m < 300; m++) {
      for (const term of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
        c = 1 + term / c;
        d = 1 / (1 + term * d);
        value *= c * d;
      }
      if (Math.abs(c * d - 1) < 1e-14) break;
    }
    return (Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) * value) / a;
  }

  /** Chance that Student's t lies beyond ±t. */
  const beyond = (t, freedom) => beta(freedom / (freedom + t * t), freedom / 2, 0.5);
  /** Chance that F is larger. */
  const larger = (f, one, two) => beta(two / (two + one * f), two / 2, one / 2);

  // --- Contrasts ------------------------------------------------------------------------------

  const used = { all: () => true, even: (seed) => seed % 2 === 0, odd: (seed) => seed % 2 === 1 };
  const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  /** Paired differences of two arms, seed by seed, in brief. */
  function contrast(x, y, seeds, key = "") {
    const gaps = Array.from(x, (value, seed) => (used[seeds](seed) ? value - y[seed] : NaN)).filter(Number.isFinite);
    const [n, mean] = [gaps.length, meanOf(gaps)];
    const same = Math.max(...gaps) - Math.min(...gaps) <= ROUNDING
    const error = same ? 0 : Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (n - 1) / n);
    return { n, mean, error, key };
  }

  /** P value of a mean of `value`. */
  function test({ n, mean, error }, value = 0) {
    if (error === 0) return Math.abs(mean - value) <= ROUNDING ? 1 : 0;
    return beyond((mean - value) / error, n - 1);
  }

  /** P value of a mean beyond ±margin: two one-sided tests. */
  function equivalent(found, margin) {
    if (found.error === 0) return Math.abs(found.mean) < margin ? 0 : 1;
    const half = (value, inside) => (inside ? test(found, value) / 2 : 1 - test(found, value) / 2);
    return Math.max(half(-margin, found.mean > -margin), half(margin, found.mean < margin));
  }

  /** Interval at 95 % (level 0) or 90 % (level 1). */
  function interval({ n, mean, error, key }, method, level = 0) {
    const drawn = method === "the book's" && n >= data.few && resampled.get(key);
    const one = method === "normal" ? data.normal[level] : data.student[level][n - 2];
    const [low, high] = drawn ? drawn.subarray(2 * level, 2 * level + 2) : [-one, one];
    return { low: mean - high * error, high: mean - low * error };
  }

  /** P values corrected for being many. */
  function corrected(p, method) {
    const order = p.map((_, k) => k).sort((a, b) => p[a] - p[b]), out = [...p];
    const steps = {
      none: (k) => p[order[k]],
      Bonferroni: (k) => p.length * p[order[k]],
      Holm: (k) => Math.max((p.length - k) * p[order[k]], k ? out[order[k - 1]] : 0),
    };
    order.forEach((place, k) => { if (steps[method]) out[place] = Math.min(1, steps[method](k)); });
    if (method === "Benjamini–Hochberg") {
      [...order.keys()].reverse().forEach((k) => { out[order[k]] = Math.min(k + 1 < p.length ? out[order[k + 1]] : 1, (p[order[k]] * p.length) / (k + 1)); });
    }
    return out;
  }

  const kept = new Map();
  const once = (key, compute) => kept.get(key) ?? kept.set(key, compute()).get(key);

  /** Every arm less raw decibels. */
  const differences = (seeds) => once(`differences ${seeds}`, () => cells.flatMap(({ task, network, arms }) =>
    Object.keys(arms).filter((arm) => arm !== "raw").map((arm) => {
      const found = contrast(arms[arm], arms.raw, seeds, `${task}|${network}|${arm}|raw`);
      return { task, network, arm, ...found, p: test(found) };
    }).filter(({ n }) => n >= 2)));

  /** The same, each decided: 1 better, −1 worse, 0 open. */
  function table({ seeds, correction, interval: method }) {
    const rows = differences(seeds);
    const p = once(`p ${seeds} ${correction}`, () => corrected(rows.map((row) => row.p), correction));
    return rows.map((row, k) => ({ row, p: p[k] })).filter(({ row }) => data.networks.includes(row.network)).map(({ row, p: own }) => {
      const ends = interval(row, method);
      const sure = own < LEVEL && Math.sign(ends.low) === Math.sign(ends.high);
      return { ...row, ...ends, decided: sure ? Math.sign(row.mean) : 0 };
    });
  }

  // --- Rules ----------------------------------------------------------------------------------

  function byAnswers(rows) {
    const [ayes, noes] = ["for", "against"].map((side) => rows.filter(({ answer }) => answer === side).length);
    if (ayes && noes) return "holds with limits";
    if (ayes && ayes === rows.length) return "holds";
    if (2 * ayes > rows.length) return "holds with limits";
    return 2 * noes > rows.length ? "fails" : "undecided";
  }

  const place = ({ task, network }) => `${data.tasks[task]}, ${data.nets[network]}`;
  const label = (arm) => data.labels[arm];
  const judged = (rows) => ({ rows, verdict: byAnswers(rows) });

  /** Where a colormap beats raw: whether another way, without colour, comes within the margin. */
  function reaching(choice, ways, bigger) {
    const gaining = table(choice).filter(({ arm, decided }) => decided === 1 && data.colours.includes(arm));
    const meanUsed = (runs) => meanOf(Array.from(runs).filter((value, seed) => used[choice.seeds](seed) && Number.isFinite(value)));
    return gaining.flatMap(({ task, network, arm }) => {
      const cell = cells.find((one) => one.task === task && one.network === network);
      const others = ways.filter((way) => way in cell.arms).map((way) => ({ name: label(way), way, runs: cell.arms[way] }));
      const sizes = bigger ? data.sizes.slice(data.sizes.indexOf(network) + 1) : [];
      for (const { task: other, network: size, arms } of cells) {
        if (other === task && sizes.includes(size)) others.push({ name: `raw, ${data.nets[size]} net`, way: size, runs: arms.raw });
      }
      if (!others.length) return [];
      const best = others.map((other) => ({ ...other, mean: meanUsed(other.runs) })).reduce((a, b) => (b.mean > a.mean ? b : a));
      const found = contrast(cell.arms[arm], best.runs, choice.seeds, `${task}|${network}|${arm}|${best.way}`);
      if (found.n < 2) return [];
      const ends = interval(found, choice.interval);
      const answer = ends.high < choice.margin ? "for" : ends.low > 0 ? "against" : "open";
      return [{ label: `${label(arm)} less ${best.name}: ${place(cell)}`, value: found.mean, ...ends, answer }];
    });
  }

  const RULES = {
    /** The usual colormaps differ: an F test over seeds and maps, and a spread beyond the margin. */
    Q2(choice) {
      const found = cells.flatMap((cell) => {
        const arms = data.colours.filter((arm) => cells.some((any) => arm in any.arms)); // those that were trained at all
        if (arms.some((arm) => !(arm in cell.arms))) return [];
        const seeds = Array.from(cell.arms[arms[0]] ?? [], (_, seed) => seed).filter((seed) => used[choice.seeds](seed) && arms.every((arm) => Number.isFinite(cell.arms[arm][seed])));
        if (arms.length < 2 || seeds.length < 2) return [];
        const byArm = arms.map((arm) => meanOf(seeds.map((seed) => cell.arms[arm][seed])));
        const bySeed = seeds.map((seed) => meanOf(arms.map((arm) => cell.arms[arm][seed])));
        const mean = meanOf(byArm), freedom = (arms.length - 1) * (seeds.length - 1);
        const between = (seeds.length * byArm.reduce((sum, own) => sum + (own - mean) ** 2, 0)) / (arms.length - 1);
        const rest = arms.map((arm, a) => seeds.map((seed, s) => (cell.arms[arm][seed] - byArm[a] - bySeed[s] + mean) ** 2));
        const within = rest.flat().reduce((sum, square) => sum + square, 0) / freedom;
        return [{ cell, value: Math.max(...byArm) - Math.min(...byArm), p: larger(between / within, arms.length - 1, freedom) }];
      });
      const p = corrected(found.map((one) => one.p), choice.correction);
      const rows = found.map(({ cell, value }, k) => ({
        network: cell.network, label: `${place(cell)}: best map less worst`, value, low: value, high: value, answer: p[k] < LEVEL && value > choice.margin ? "for" : "open",
      })).filter(({ network }) => data.networks.includes(network));
      const sure = rows.filter(({ answer }) => answer === "for").length;
      return { rows, verdict: 2 * sure > rows.length ? "holds" : sure ? "holds with limits" : "undecided" };
    },
    /** R = G = B: equivalent within the margin, or different. */
    "Q6 copies"(choice) {
      const pairs = cells.flatMap(({ task, network, arms }) => [["gray3", "raw"], ...data.colours.map((arm) => [arm, "raw-wide"])]
        .filter(([a, b]) => arms[a] && arms[b])
        .map(([a, b]) => ({ task, network, arm: a, ...contrast(arms[a], arms[b], choice.seeds, `${task}|${network}|${a}|${b}`) }))
        .filter(({ n }) => n >= 2));
      const raw = pairs.map((pair) => equivalent(pair, choice.margin));
      const p = corrected(raw, choice.correction);
      const differ = new Set(table(choice).filter(({ arm, decided }) => arm === "gray3" && decided).map(place));
      return judged(pairs.map((pair, k) => ({ ...pair, own: raw[k], p: p[k] })).filter(({ arm, network }) => arm === "gray3" && data.networks.includes(network)).map((pair) => {
        const ends = interval(pair, choice.interval, 1);
        const same = pair.own < LEVEL && pair.p < LEVEL && -choice.margin < ends.low && ends.high < choice.margin;
        return { label: place(pair), value: pair.mean, ...ends, answer: differ.has(place(pair)) ? "against" : same ? "for" : "open" };
      }));
    },
    /** Colours in random order are worse than none. */
    "Q6 bad": (choice) => judged(table(choice).filter(({ arm }) => arm === "shuffled").map((row) => (
      { label: place(row), value: row.mean, low: row.low, high: row.high, answer: { "-1": "for", 0: "open", 1: "against" }[row.decided] }))),
    /** Wherever colour gains, a grown net on raw decibels gains as much. */
    A6: (choice) => judged(reaching(choice, data.grown, true)),
    /** One neuron a filter, classes in bands of levels: colour is better. */
    A9: (choice) => judged(table(choice).filter(({ task, network, arm }) => task === "textures" && network === "neuron" && data.colours.includes(arm)).map((row) => (
      { label: label(row.arm), value: row.mean, low: row.low, high: row.high, answer: row.decided === 1 ? "for" : row.decided === -1 || row.high < choice.margin ? "against" : "open" }))),
    /** Copies, or grown nets, do as much as colour: both, one of them, or none. */
    D1(choice) {
      const parts = [reaching(choice, ["gray3"], false), reaching(choice, data.grown, true)];
      const [copies, grown] = parts.map(byAnswers);
      const some = [copies, grown].some((part) => part.startsWith("holds"));
      return { rows: parts.flat(), verdict: copies === grown ? copies : some ? "holds with limits" : "undecided" };
    },
  };
  const judge = (row, choice) => RULES[row](choice);

  /** The verdict under every combination of choices that is offered. */
  const everywhere = (row) => once(`everywhere ${row}`, () => CHOICES.margin.flatMap((margin) => CHOICES.seeds.flatMap((seeds) =>
    CHOICES.correction.flatMap((correction) => CHOICES.interval.map((method) => judge(row, { margin, seeds, correction, interval: method }).verdict)))));

  // --- The page -------------------------------------------------------------------------------

  const points = (value) => `${text(100 * value, 2).replace(/\.?0+$/, "")} point${value === 0.01 ? "" : "s"}`;
  const inWords = { margin: points, seeds: (name) => `${name} seeds`, correction: (name) => (name === "none" ? "no correction" : name), interval: (name) => `${name} interval` };
  const signed = (value) => `${value > 0 ? "+" : ""}${text(100 * value, 1)}`;
  const chooser = Explorers.choice("Claim", data.rows.map(({ label: name }) => name), (name) => change({ row: data.rows.find((row) => row.label === name).id }));
  const margin = Explorers.slider("Margin", { min: 0, max: CHOICES.margin.length - 1, step: 1 }, (k) => change({ margin: CHOICES.margin[k] }));
  const lists = { seeds: "Seeds", correction: "Correction", interval: "Interval" };
  for (const [key, name] of Object.entries(lists)) lists[key] = Explorers.choice(name, CHOICES[key], (value) => change({ [key]: value }));
  const back = make("button", { type: "button", onclick: () => change(BOOK) }, "The book's choices");
  const now = make("p", { class: "explorer-now" });
  const counted = make("p");
  const agree = make("p", { class: "explorer-hint" });
  const list = make("div", { class: "verdict-rows" });
  const status = Explorers.announcer();

  function change(values, byReader = true) {
    Object.assign(state, values);
    const { row, ...choice } = state;
    const published = data.rows.find(({ id }) => id === row);
    const { rows, verdict } = judge(row, choice);
    const usual = judge(row, BOOK).verdict;
    now.textContent = `Verdict: ${verdict}. ${verdict === usual ? "So says the book." : `The book, by its own choices, says: ${usual}.`}`;
    const count = (side) => rows.filter(({ answer }) => answer === side).length;
    counted.textContent = rows.length ? `Of ${rows.length} comparisons: ${count("for")} for the claim, ${count("against")} against it, ${count("open")} open.`
      : "By these choices nothing is left to compare.";
    const all = everywhere(row), same = all.filter((one) => one === usual).length;
    const alone = Object.keys(CHOICES).flatMap((key) => CHOICES[key].map((value) => ({ key, value, verdict: judge(row, { ...BOOK, [key]: value }).verdict })))
      .filter((one) => one.verdict !== usual).map(({ key, value, verdict: other }) => `${inWords[key](value)} (${other})`);
    agree.textContent = `Of the ${all.length} combinations offered here, ${same} give the book's verdict (${text((100 * same) / all.length, 0)}\u00a0%). `
      + (alone.length ? `Alone, these change it: ${alone.join(", ")}.` : "No single choice changes it.");
    paint(rows, choice.margin);
    chooser.list.value = published.label;
    margin.show(CHOICES.margin.indexOf(choice.margin), points(choice.margin));
    for (const [key, { list: options }] of Object.entries(lists)) options.value = choice[key];
    status.say(`${now.textContent} ${counted.textContent}`);
    Object.assign(root.dataset, { verdict, usual, compared: rows.length });
    Object.assign(root, { rows, everywhere: () => everywhere(row) });
    where.write({ row: slug(row), margin: choice.margin, seeds: choice.seeds, ...Object.fromEntries(["correction", "interval"].map((key) => [key, slug(choice[key])])) }, byReader);
  }

  function paint(rows, band) {
    const within = (value) => Math.max(-0.6, Math.min(0.6, value));
    const from = Math.min(-1.5 * band, ...rows.map(({ low }) => within(low))), to = Math.max(1.5 * band, ...rows.map(({ high }) => within(high)));
    const x = (value) => 4 + (192 * (within(value) - from)) / (to - from);
    list.replaceChildren(...rows.flatMap(({ label: name, value, low, high, answer }) => [
      make("span", {}, name),
      draw("svg", { viewBox: "0 0 200 16", class: `verdict-${answer}`, "aria-hidden": "true" },
        draw("rect", { class: "dice-margin", x: x(-band), width: x(band) - x(-band), height: 16 }),
        draw("path", { d: `M${x(0)} 0V16` }), draw("path", { class: "verdict-interval", d: `M${x(low)} 8H${x(high)}` }), draw("circle", { cx: x(value), cy: 8, r: 4 })),
      make("span", {}, `${signed(value)} ${answer}`),
    ]), make("span", {}, ""), make("span", { class: "explorer-ticks", "aria-hidden": "true" }, ...[from, to].map((tick) => make("span", {}, signed(tick)))), make("span", {}, "points"));
  }

  const slug = (name) => name.replace(/[^a-z0-9]+/gi, "-");
  const where = Explorers.address("verdict", root, (query) => {
    const next = {};
    const row = data.rows.find(({ id }) => slug(id) === query.get("row"));
    if (row) next.row = row.id;
    for (const key of Object.keys(CHOICES)) {
      const value = CHOICES[key].find((one) => slug(`${one}`) === slug(query.get(key) ?? ""));
      if (value !== undefined) next[key] = value;
    }
    change(next, false);
  });
  live.append(
    chooser.node,
    make("div", { class: "explorer-bar explorer-main" }, margin.node, ...Object.values(lists).map(({ node }) => node)),
    make("div", { class: "explorer-buttons explorer-main" }, back),
    now, counted, list,
    make("p", { class: "explorer-hint" }, "Band: ± the margin. Open dots are not decided: after the correction an interval may be clear of 0 and not count."),
    agree, where.link, status);
  change({}, false);
  where.open();
});
