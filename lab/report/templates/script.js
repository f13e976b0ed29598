"use strict";
// Tabs, filters, tooltips and the colour scheme. Without this script everything is there, one thing below the other.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Tabs: buttons of a [role=tablist] show the panel they control. The address' hash names the tab, so it can be linked.
function select(tab) {
  const list = tab.closest("[role=tablist]");
  for (const other of all("[role=tab]", list)) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", chosen);
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function remember(hash) {
  try { history.replaceState(null, "", "#" + hash); } catch { /* a page in a frame may not */ }
}

for (const list of all("[role=tablist]")) {
  const tabs = all("[role=tab]", list);
  list.hidden = false;
  select(tabs[0]);
  for (const tab of tabs) tab.addEventListener("click", () => { select(tab); remember(tab.dataset.hash); });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
}

// Filters: chips show the cards of one verdict, or (none pressed) the first of each.
function filter(chips, pressed) {
  const seen = new Set();
  const choices = all("button", chips);
  for (const chip of choices) chip.setAttribute("aria-pressed", chip === pressed);
  for (const card of all("[data-verdict]", chips.parentElement)) {
    const verdict = card.dataset.verdict;
    card.hidden = pressed ? verdict !== pressed.dataset.filter : choices.length > 1 && seen.has(verdict);
    seen.add(verdict);
  }
}

for (const chips of all(".chips")) {
  chips.hidden = false;
  filter(chips, null);
  for (const chip of all("button", chips)) {
    chip.addEventListener("click", () => {
      const pressed = chip.getAttribute("aria-pressed") !== "true";
      filter(chips, pressed ? chip : null);
      remember(pressed ? chip.dataset.hash : chip.dataset.hash.split("/").slice(0, 2).join("/"));
    });
  }
}

// Tables that can be searched: a row stays when it holds every word.
for (const box of all(".search")) {
  box.hidden = false;
  const rows = all("tbody tr", document.getElementById(box.dataset.table));
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !wanted.every((word) => row.textContent.toLowerCase().includes(word));
  });
}

// The hash: #examples/quality/few_sentences opens that tab and that filter.
function route() {
  const hash = decodeURIComponent(location.hash.slice(1));
  const named = (selector, name) => all(selector).find((node) => node.dataset.hash === name);
  const tab = named("[role=tab]", hash.split("/").slice(0, 2).join("/"));
  if (!tab) return;
  select(tab);
  const chip = named(".chips button", hash);
  if (chip) filter(chip.closest(".chips"), chip);
  tab.closest("section").scrollIntoView({ behavior: "instant" });
}
addEventListener("hashchange", route);
route();

// Tooltips: whatever carries data-tip.
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("role", "status");
document.body.append(tip);
document.addEventListener("pointerover", (event) => {
  const words = event.target.closest?.("[data-tip]")?.dataset.tip;
  tip.hidden = !words;
  tip.textContent = words || "";
});
document.addEventListener("pointermove", (event) => {
  if (tip.hidden) return;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8)) + "px";
  tip.style.top = (event.clientY + height + 28 > innerHeight ? event.clientY - height - 12 : event.clientY + 18) + "px";
});
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// Light and dark: the system's choice until the button is used.
const themes = document.querySelector(".theme");
const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const show = () => { themes.textContent = dark() ? "Light mode" : "Dark mode"; };
try { if (localStorage.getItem("lab-theme")) document.documentElement.dataset.theme = localStorage.getItem("lab-theme"); } catch { /* no storage */ }
themes.hidden = false;
themes.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  try { localStorage.setItem("lab-theme", document.documentElement.dataset.theme); } catch { /* no storage */ }
  show();
});
show();

// The table of contents shows where the reader is.
const links = new Map(all("nav.contents a").map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.classList.remove("here");
    links.get(entry.target.id)?.classList.add("here");
  }
}, { rootMargin: "-15% 0px -75% 0px" });
for (const section of all("section.part")) watcher.observe(section);
document.documentElement.dataset.ready = "yes";
