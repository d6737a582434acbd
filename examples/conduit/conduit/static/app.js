// Comfort only: every page works without this file.
"use strict";

const root = document.documentElement;

// Light or dark, remembered on this device.
for (const button of document.querySelectorAll("[data-theme-button]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* storage may be off */ }
  });
}

// The account menu closes when something else is clicked, or on Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("[data-menu][open]")) menu.open = false;
});

// Ask before something is deleted.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// Liking and following without leaving the place: send the form, then take over from the page that
// comes back whatever has the same id. When that fails, the form is sent the ordinary way.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("inline" in form.dataset) || event.defaultPrevented) return;
  event.preventDefault();
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById(form.id)) throw new Error("signed out");
    for (const old of document.querySelectorAll("form[data-inline]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) old.replaceWith(document.adoptNode(fresh));
    }
    document.getElementById(form.id)?.querySelector("button")?.focus();
  } catch {
    form.submit();
  }
});

// Text fields grow with what is written in them.
for (const area of document.querySelectorAll("[data-grow]")) {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  };
  area.addEventListener("input", fit);
  addEventListener("load", fit);
}

// The editor shows what readers will see, rendered by the same code on the server.
for (const editor of document.querySelectorAll("[data-editor]")) {
  const body = editor.elements.body;
  const preview = editor.querySelector("[data-preview]");
  const tabs = editor.querySelector("[data-tabs]");
  tabs.hidden = false;
  tabs.addEventListener("click", async (event) => {
    const wanted = event.target.dataset.tab;
    if (!wanted) return;
    for (const tab of tabs.querySelectorAll("button")) {
      tab.setAttribute("aria-pressed", String(tab === event.target));
    }
    preview.hidden = wanted !== "preview";
    body.hidden = wanted === "preview";
    if (wanted !== "preview") return;
    const fields = new URLSearchParams({ csrf: editor.elements.csrf.value, body: body.value });
    const answer = await fetch("/preview", { method: "POST", body: fields });
    preview.innerHTML = answer.ok ? await answer.text() : "The preview cannot be shown now.";
  });
  // The title and the summary are one line each; Enter goes on to the next field.
  for (const name of ["title", "description"]) {
    editor.elements[name].addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      (name === "title" ? editor.elements.description : body).focus();
    });
  }
}
