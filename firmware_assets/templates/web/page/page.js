// The page: a button, a level, the scores, and the words that were heard.
import { hear, labels, listen, selfTest, thresholdsMovedBy } from "../lib/index.js";
import { Chart, hueOf } from "./chart.js";

const $ = (id) => document.getElementById(id);
const KEPT = 200; // words in the list
const SHOWN_MS = 1200; // how long a word is lit
const SLOW_SECONDS = 2; // behind the microphone, until it is said

const chart = new Chart($("chart"));
const chips = new Map();
let listening = null;
let stopped = 0; // how often; what an earlier start still brings is not shown

for (const word of labels.filter((label) => !label.startsWith("_"))) {
  const chip = document.createElement("li");
  chip.textContent = word;
  chip.style.setProperty("--hue", hueOf(word));
  chips.set(word, chip);
  $("words").append(chip);
}

function say(status, fault = "") {
  $("status").textContent = status;
  $("fault").textContent = fault;
}

function showLevel(level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-4));
  const shown = Math.max(0, Math.min(1, 1 + decibels / 60)); // the lowest 60 dB are the bar
  $("level").firstElementChild.style.transform = `scaleX(${shown})`;
  $("level").setAttribute("aria-valuenow", Math.round(100 * shown));
  $("level").setAttribute("aria-valuetext", level > 0 ? `${Math.round(decibels)} decibels` : "silence");
}

function showWord({ time, word, score }) {
  const row = document.createElement("li");
  const [name, at, sure] = ["b", "span", "span"].map((tag) => row.appendChild(document.createElement(tag)));
  name.textContent = word;
  at.textContent = `${time.toFixed(2)} s`;
  sure.textContent = `${Math.round(100 * score)} %`;
  $("heard").prepend(row);
  while ($("heard").children.length > KEPT) $("heard").lastElementChild.remove();
  $("nothing").hidden = true;
  chips.get(word).classList.add("now");
  setTimeout(() => chips.get(word).classList.remove("now"), SHOWN_MS);
  chart.mark(time, word);
}

function stop(status, fault) {
  stopped++;
  listening?.stop();
  listening = null;
  $("listen").textContent = "Listen";
  $("listen").classList.remove("on");
  $("listen").disabled = false;
  showLevel(0);
  say(status, fault);
}

async function start(open, status) {
  stop("One moment …");
  const mine = stopped;
  const current = (show) => (...values) => mine === stopped && show(...values);
  chart.clear();
  $("heard").replaceChildren();
  $("nothing").hidden = false;
  let lost = 0;
  try {
    const opened = await open({
      thresholds: chart.thresholds,
      onWord: current(showWord),
      onResult: current(({ time, averages }) => chart.add(time, averages)),
      onLevel: current((level) => {
        showLevel(level);
        if (listening?.behind?.() > SLOW_SECONDS) say(status, "This device is too slow: words come late.");
      }),
      onLost: current((seconds) => {
        lost += seconds;
        say(status, `The browser lost ${lost.toFixed(2)} s of sound.`);
      }),
      onEnd: current(() => stop(`The recording has ended: ${$("heard").children.length} words heard.`)),
      onError: current((error) => stop("Not listening.", error.message)),
    });
    if (mine !== stopped) return opened.stop();
    listening = opened;
    $("listen").textContent = "Stop";
    $("listen").classList.add("on");
    say(status);
  } catch (error) {
    if (mine === stopped) stop("Not listening.", error.message);
  }
}

$("listen").addEventListener("click", () =>
  listening ? stop("Not listening.") : start(listen, "Listening. Say one of the words."),
);
$("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = ""; // the same file may be chosen again
  if (file) start((handlers) => hear(file, handlers), `Hearing ${file.name}.`);
});
$("strictness").addEventListener("input", ({ target }) => {
  const shift = target.valueAsNumber / 100;
  target.setAttribute("aria-valuetext", shift ? `${Math.abs(shift)} ${shift < 0 ? "looser" : "stricter"}` : "as tuned");
  chart.thresholds = thresholdsMovedBy(shift);
  chart.due();
  listening?.setThresholds(chart.thresholds);
});
$("check").addEventListener("click", async () => {
  $("checked").textContent = "Checking …";
  try {
    const failed = (await selfTest()).filter(({ passed }) => !passed);
    $("checked").textContent = failed.length
      ? `It does not compute what the PC computed: ${failed[0].check} ${failed[0].where} failed.`
      : "It computes what the PC computed.";
  } catch (error) {
    $("checked").textContent = error.message;
  }
});
