// Charts of the last minutes, without a library: bars by outcome, and lines of mean times.

import { html, useState } from "./html.js";
import { clockTime, duration, number } from "./format.js";
import { useNow, useObservable } from "./observable.js";
import { OUTCOMES } from "./stats.js";

const RANGES = [[60, "1 h"], [360, "6 h"], [1440, "24 h"]];
const [WIDTH, HEIGHT] = [600, 84];

export function Charts({ stats }) {
  useObservable(stats);
  const now = useNow();
  const [pointed, setPointed] = useState(null);
  const bars = stats.bars(now);
  const shared = { bars, pointed, setPointed, isLoaded: stats.isLoaded, waiting: stats.problem ? "" : "loading" };
  return html`<section class="charts" aria-label="Statistics of the last ${RANGES.find(([minutes]) => minutes === stats.minutes)[1]}">
    <${Outcomes} ...${shared} per=${stats.minutes / 60} />
    <${Times} ...${shared} />
    <aside>
      <div class="ranges" role="group" aria-label="Time shown">
        ${RANGES.map(([minutes, name]) => html`<button type="button" class="small" aria-pressed=${stats.minutes === minutes}
          onClick=${() => stats.show(minutes)}>${name}</button>`)}
      </div>
      <${Queues} queues=${stats.queues} problem=${stats.problem} />
    </aside>
  </section>`;
}

function Outcomes({ bars, pointed, setPointed, per, isLoaded, waiting }) {
  const totals = bars.map((bar) => OUTCOMES.reduce((sum, name) => sum + bar[name], 0));
  const highest = rounded(Math.max(4, ...totals));
  const shown = pointed === null ? sumOf(bars) : bars[pointed];
  const step = WIDTH / bars.length;
  const column = (bar, index) => {
    let floor = HEIGHT;
    return OUTCOMES.filter((name) => bar[name]).map((name) => {
      const tall = (bar[name] / highest) * HEIGHT;
      floor -= tall;
      return html`<rect class=${name} x=${index * step + 0.5} y=${floor} width=${step - 1.5} height=${tall} />`;
    });
  };
  return html`<figure>
    <figcaption>
      <b>Tasks finished ${per === 1 ? "per minute" : `per ${per} minutes`}</b>
      <span class="when">${isLoaded ? whenOf(bars, pointed) : waiting}</span>
      <span class="legend">${OUTCOMES.map((name) => html`<span class=${name}><i></i>${number(shown[name])} ${name}</span>`)}</span>
    </figcaption>
    <${Plot} bars=${bars} setPointed=${setPointed} pointed=${pointed} scale=${number(highest)}
      label="Tasks finished: ${OUTCOMES.map((name) => `${sumOf(bars)[name]} ${name}`).join(", ")}">
      ${bars.map(column)}
    </${Plot}>
  </figure>`;
}

function Times({ bars, pointed, setPointed, isLoaded, waiting }) {
  const values = bars.flatMap((bar) => [bar.wait, bar.run]).filter((value) => value !== null);
  const highest = rounded(Math.max(100, ...values));
  const latest = (name) => bars.map((bar) => bar[name]).findLast((value) => value !== null) ?? null;
  const shown = pointed === null ? { wait: latest("wait"), run: latest("run") } : bars[pointed];
  const step = WIDTH / bars.length;
  const points = (name) => bars
    .map((bar, index) => [(index + 0.5) * step, bar[name]])
    .filter(([, value]) => value !== null)
    .map(([x, value]) => [x, HEIGHT - 2 - (value / highest) * (HEIGHT - 4)]);
  const line = (name) => html`<polyline class=${name} points=${points(name).map((point) => point.join(",")).join(" ")} />
    ${points(name).map(([x, y]) => html`<path class="dot ${name}" d="M${x} ${y}h.01" />`)}`;
  return html`<figure>
    <figcaption>
      <b>Queue wait and run time</b>
      <span class="when">${!isLoaded ? waiting : pointed === null ? "mean of the last minute" : whenOf(bars, pointed)}</span>
      <span class="legend">
        <span class="wait"><i></i>wait ${duration(shown.wait)}</span><span class="run"><i></i>run ${duration(shown.run)}</span>
      </span>
    </figcaption>
    <${Plot} bars=${bars} setPointed=${setPointed} pointed=${pointed} scale=${duration(highest)}
      label="Mean queue wait ${duration(latest("wait"))}, mean run time ${duration(latest("run"))}">
      ${line("wait")}${line("run")}
    </${Plot}>
  </figure>`;
}

function Plot({ bars, pointed, setPointed, scale, label, children }) {
  const point = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setPointed(Math.max(0, Math.min(bars.length - 1, Math.floor(((event.clientX - left) / width) * bars.length))));
  };
  const step = WIDTH / bars.length;
  return html`<div class="plot">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}
      onPointerMove=${point} onPointerLeave=${() => setPointed(null)}>
      <path class="grid" d="M0 .500H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}" />
      ${pointed !== null && html`<rect class="pointed" x=${pointed * step} y="0" width=${step} height=${HEIGHT} />`}
      ${children}
    </svg>
    <span class="scale">${scale}</span>
    <div class="ends"><span>${clockTime(bars[0].start)}</span><span>now</span></div>
  </div>`;
}

function Queues({ queues, problem }) {
  if (problem) return html`<p class="muted" role="status">The statistics are unavailable.</p>`;
  return html`<dl class="queues">
    ${["fast", "long", "dead-letters"].map((name) => {
      const depth = queues?.[name];
      return html`<div><dt>${name === "dead-letters" ? "dead letters" : `${name} lane`}</dt>
        <dd>${depth ? html`<b>${number(depth.ready)}</b> ready${depth.in_flight ? `, ${number(depth.in_flight)} in flight` : ""}` : "–"}</dd></div>`;
    })}
  </dl>`;
}

const sumOf = (bars) => Object.fromEntries(OUTCOMES.map((name) => [name, bars.reduce((sum, bar) => sum + bar[name], 0)]));

/** The value rounded up to 1, 2, 4, 6, 8 or 10 times a power of ten: easy to read, also its half. */
function rounded(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 4, 6, 8, 10].find((each) => each * unit >= value);
}

function whenOf(bars, pointed) {
  return pointed === null ? `since ${clockTime(bars[0].start)}` : `at ${clockTime(bars[pointed].start)}`;
}
