"use strict";
// Sorts tables, opens panels (a video, a pair of policies) and switches light and dark.

const panels = new Map();

async function unpack(id) {
  if (panels.has(id)) return panels.get(id);
  const packed = document.getElementById("panel-" + id);
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const html = await new Response(stream).text();
  panels.set(id, html);
  return html;
}

// Opens panel "s0-12" (video 12 of setting 0) or "c0-3-1" (its policies 3 and 1).
async function open(id) {
  const [kind, ...numbers] = id.split("-");
  const place = document.getElementById(kind);
  const form = document.querySelector(`form[data-kind="${kind}"]`);
  if (!place || !form) return;
  place.dataset.open = id;
  let html;
  try {
    html = await unpack(id);
  } catch (error) {
    html = `<p class="failed">This browser cannot open the panel (${error.name}): use one of 2023 or newer.</p>`;
  }
  if (place.dataset.open !== id) return; // another was picked meanwhile
  if (html === null) {
    if (form.elements.video) {
      html = "<p>There is no room for this video on the page: report it with --sequence, or with a larger --page-size.</p>";
    } else {
      html = numbers[0] === numbers[1] ? "<p>Choose two different policies.</p>" : "<p>These two are not compared on the page: take <code>vot-memory compare</code>.</p>";
    }
  }
  place.innerHTML = html;
  if (form.elements.video) {
    form.elements.video.value = id;
    document.querySelectorAll(`.videos tr[id^="v${kind.slice(1)}-"]`).forEach((row) => row.removeAttribute("aria-current"));
    document.getElementById("v" + id.slice(1))?.setAttribute("aria-current", "true");
  } else {
    [form.elements.a.value, form.elements.b.value] = numbers;
  }
}

function pick(id) {
  history.replaceState(null, "", "#" + id);
  return open(id);
}

// The panel that the address names, or nothing.
function named() {
  const id = location.hash.slice(1);
  return /^[sc]\d+-\d+(-\d+)?$/.test(id) ? id : "";
}

async function follow() {
  const id = named();
  if (!id) return;
  await open(id);
  // At once: a smooth way there would miss it while panels above still open.
  document.querySelector(`form[data-kind="${id.split("-")[0]}"]`)?.scrollIntoView({ behavior: "instant" });
}

function sort(button) {
  const head = button.closest("th");
  const table = head.closest("table");
  const body = table.tBodies[0];
  const column = head.cellIndex;
  const number = head.classList.contains("number");
  const before = head.getAttribute("aria-sort");
  const direction = before ? (before === "ascending" ? "descending" : "ascending") : number ? "descending" : "ascending";
  const sign = direction === "ascending" ? 1 : -1;
  const key = (row) => (number ? parseFloat(row.cells[column].dataset.v) : row.cells[column].textContent.trim());
  const compare = (a, b) => {
    if (a.dataset.last !== b.dataset.last) return a.dataset.last === undefined ? -1 : 1;
    if (a.dataset.last === "fixed") return 0;
    const [x, y] = [key(a), key(b)];
    if (!number) return sign * x.localeCompare(y, "en", { numeric: true });
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // undefined last
    return sign * (x - y);
  };
  [...body.rows].sort(compare).forEach((row) => body.append(row));
  table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", direction);
}

document.addEventListener("click", (event) => {
  const target = event.target;
  const button = target.closest("button");
  const row = target.closest(".videos tbody tr");
  const link = target.closest('a[href^="#s"], a[href^="#c"]');
  if (button?.closest(".sortable thead")) {
    sort(button);
  } else if (button?.dataset.step) {
    const select = button.form.elements.video;
    const next = select.options[(select.selectedIndex + Number(button.dataset.step) + select.length) % select.length];
    if (next) pick(next.value);
  } else if (button?.classList.contains("swap")) {
    const { a, b } = button.form.elements;
    pick(`${button.form.dataset.kind}-${b.value}-${a.value}`);
  } else if (button?.classList.contains("scheme")) {
    const next = { automatic: "light", light: "dark", dark: "automatic" }[button.lastElementChild.textContent];
    button.lastElementChild.textContent = next;
    document.documentElement.style.colorScheme = next === "automatic" ? "" : next;
  } else if (row && !link) {
    const own = row.querySelector("a");
    if (own) pick(own.hash.slice(1));
  } else if (link && /^#[sc]\d+-/.test(link.hash) && link.closest(".videos")) {
    event.preventDefault(); // stay at the table, where the next video is picked
    pick(link.hash.slice(1));
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form.pick");
  if (!form) return;
  const { video, a, b } = form.elements;
  pick(video ? video.value : `${form.dataset.kind}-${a.value}-${b.value}`);
});

addEventListener("hashchange", follow);
const first = [...document.querySelectorAll("form.pick")].map(({ dataset: { kind }, elements: { video, a, b } }) => {
  if (named().startsWith(`${kind}-`)) return open(named());
  if (video ? video.value : a) return open(video ? video.value : `${kind}-${a.value}-${b.value}`);
});
Promise.all(first).then(follow); // panels above what is followed would push it away
