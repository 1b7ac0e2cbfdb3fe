/* A step neuron that learns in the page: the same neuron on gray and on colours, side by side.

   Logistic regression on the 256 levels, each channel standardised, by gradient descent with momentum:
   all levels in every step, so that nothing depends on an order. The whole of the learning is `step`. */
"use strict";

Explorers.define("neuron", (root, data, live) => {
  const { make, draw, text } = Explorers;
  const tables = Explorers.bytes(data.tables);
  const levels = Array.from({ length: 256 }, (_, level) => level);
  const presets = Object.fromEntries(data.presets.map(([name, runs]) => [name, Explorers.patternOf(runs)]));
  const state = { want: data.want, start: 0, steps: 0 };
  const [width, height, left, bottom] = [420, 220, 42, 36];
  let arms = [];

  /** Random numbers in [−1, 1), the same in every browser (mulberry32). */
  function draws(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
    };
  }

  /** Channels of the 256 levels, each with mean 0 and deviation 1, and the bias's constant 1. */
  function inputs(table) {
    const channels = [0, 1, 2].map((c) => {
      const values = levels.map((level) => table[3 * level + c]);
      const mean = values.reduce((sum, x) => sum + x) / 256;
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 256);
      return values.map((x) => (x - mean) / deviation);
    });
    return levels.map((level) => [...channels.map((channel) => channel[level]), 1]);
  }

  const response = (arm) => arm.pixels.map((pixel) => pixel.reduce((sum, value, k) => sum + value * arm.weights[k], 0));

  /** One step of gradient descent with momentum on the mean logistic loss. */
  function step(arm, wanted) {
    const slope = [0, 0, 0, 0];
    response(arm).forEach((z, level) => {
      const error = 1 / (1 + Math.exp(-z)) - Number(wanted[level]);
      arm.pixels[level].forEach((value, k) => { slope[k] += (error * value) / 256; });
    });
    arm.speed = arm.speed.map((v, k) => data.momentum * v - data.rate * slope[k]);
    arm.weights = arm.weights.map((w, k) => w + arm.speed[k]);
  }

  function judge(arm, wanted) {
    arm.fires = response(arm).map((z) => z >= 0);
    arm.right = arm.fires.filter((on, level) => on === wanted[level]).length / 256;
    const shown = arm.curve.at(-1);
    if (!shown || x(state.steps) - x(shown[0]) > 1.5) arm.curve.push([state.steps, arm.right]); // no finer than is seen
    if (arm.right === 1 && arm.first === null) arm.first = state.steps;
  }

  /** The most that one threshold gets right, with either sign: what gray cannot exceed. */
  function ceiling(wanted) {
    let below = 0, best = 0;
    const all = wanted.filter(Boolean).length;
    for (let cut = 0; cut <= 256; cut++) { // levels from `cut` on fire
      const right = cut - below + all - below;
      best = Math.max(best, right, 256 - right);
      below += Number(wanted[cut] ?? false);
    }
    return best / 256;
  }

  const wantedNow = () => presets[state.want];

  function begin() {
    state.steps = 0;
    arms = data.names.map((name, n) => {
      const draw = draws(state.start);
      const weights = [0, 1, 2, 3].map(() => (state.start ? draw() : 0));
      const pixels = inputs(tables.subarray(768 * n, 768 * n + 768));
      return { name, pixels, weights, speed: [0, 0, 0, 0], curve: [], first: null };
    });
    arms.forEach((arm) => judge(arm, wantedNow()));
  }

  function train(count) {
    for (let k = 0; k < count; k++) {
      state.steps++;
      for (const arm of arms) {
        step(arm, wantedNow());
        judge(arm, wantedNow());
      }
    }
    paint();
  }

  // --- The picture ----------------------------------------------------------------------------

  const most = 10000; // steps on the axis, which is logarithmic: step n stands at log(n + 1)
  const x = (count) => left + (Math.log(count + 1) / Math.log(most + 1)) * (width - left - 14);
  const y = (share) => 12 + ((1 - share) / 0.6) * (height - 20 - bottom);
  const path = (curve) => curve.map(([n, share], k) =>
    `${k ? "L" : "M"}${x(Math.min(n, most)).toFixed(1)} ${y(Math.max(share, 0.4)).toFixed(1)}`).join("");
  const limit = draw("path", { class: "curve-limit" });
  const curves = data.names.map((_, n) => draw("path", { class: `curve-arm arm-${n}` }));
  const plot = draw("svg", { class: "explorer-plot", viewBox: `0 0 ${width} ${height}`, role: "img" },
    draw("g", { class: "curve-axes" },
      draw("path", { d: `M${left} 6V${height - bottom}H${width - 8}` }),
      ...[0.5, 0.75, 1].map((share) => draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`)),
      ...[0, 10, 100, 1000, 10000].map((n) => draw("text", { x: x(n), y: height - bottom + 16, "text-anchor": n === most ? "end" : "middle" }, n.toLocaleString("en-GB"))),
      draw("text", { x: x(100), y: height - 4, "text-anchor": "middle" }, "steps (logarithmic)")),
    limit, ...curves);
  const key = make("p", {}, ...data.names.map((name, n) => make("span", { class: `explorer-key arm-${n}` }, name)),
    make("span", { class: "explorer-key limit" }, "the most that gray can have"));
  const strips = data.names.map((name, n) => {
    const colours = Explorers.strip(`colours of ${name}`);
    colours.paint(tables.subarray(768 * n, 768 * n + 768));
    return { colours, fires: Explorers.bars() };
  });
  const target = Explorers.bars();
  const now = make("p", { class: "explorer-now" });
  const status = Explorers.announcer();

  const percent = (share) => `${text(100 * share, 1)} %`;

  function paint(byReader = true) {
    const wanted = wantedNow(), top = ceiling(wanted);
    limit.setAttribute("d", `M${left} ${y(top)}H${width - 14}`);
    target.paint(wanted, `wanted: ${Explorers.inWords(wanted)}`);
    arms.forEach((arm, n) => {
      curves[n].setAttribute("d", path([...arm.curve, [state.steps, arm.right]]));
      strips[n].fires.paint(arm.fires, `${arm.name} fires on ${Explorers.inWords(arm.fires)}`);
    });
    const said = arms.map((arm) => `${arm.name} ${percent(arm.right)}${arm.first === null ? "" : ` (all right at step ${arm.first})`}`);
    now.textContent = `After ${state.steps.toLocaleString("en-GB")} step${state.steps === 1 ? "" : "s"}, levels that are right: ${said.join(", ")}. `
      + `No threshold on gray gets more than ${percent(top)}.`;
    plot.setAttribute("aria-label", now.textContent);
    status.say(now.textContent);
    chooser.list.value = state.want;
    Object.assign(root.dataset, {
      steps: state.steps, ceiling: top,
      right: arms.map((arm) => arm.right).join(),
      weights: arms.map((arm) => arm.weights.join()).join(";"),
    });
    where.write({ want: state.want.replaceAll(" ", "-"), start: state.start, steps: state.steps }, byReader);
  }

  function again(values, byReader = true) {
    Object.assign(state, values);
    begin();
    paint(byReader);
  }

  const chooser = Explorers.choice("Wanted", Object.keys(presets), (want) => again({ want }));
  const button = (name, act) => make("button", { type: "button", onclick: act }, name);
  const where = Explorers.address("neuron", root, (query) => {
    const want = Object.keys(presets).find((name) => name.replaceAll(" ", "-") === query.get("want")) ?? state.want;
    const number = (name, limit) => {
      const value = Number(query.get(name));
      return Number.isInteger(value) && value >= 0 && value <= limit ? value : 0;
    };
    again({ want, start: number("start", 2 ** 31) }, false);
    train(number("steps", most));
  });
  live.append(
    make("div", { class: "explorer-bar" }, chooser.node,
      make("div", { class: "explorer-buttons" },
        button("One step", () => train(1)),
        button("Train 100 steps", () => train(Math.min(100, most - state.steps))),
        button("Train 1,000 steps", () => train(Math.min(1000, most - state.steps))),
        button("Start again", () => again({})),
        button("Another start", () => again({ start: state.start + 1 })))),
    plot, key,
    make("div", { class: "explorer-strips" },
      ...strips.flatMap(({ colours, fires }, n) => [
        make("span", {}, data.names[n]), colours, make("span", {}, "fires"), fires]),
      make("span", {}, "wanted"), target),
    now, where.link, status);
  again({}, false);
  where.open();
});
