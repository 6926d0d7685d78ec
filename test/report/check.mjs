// Looks at pages in headless Chromium, as people do: node check.mjs FOLDER [SCREENSHOTS]
// The folder has sample.html, many.html (200 secrets), empty.html, foreign.html and real.html, and
// planted.json with values that must not be in real.html. One line is printed for each check.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [folder, screenshots] = process.argv.slice(2);
const axe = readFileSync(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const desktop = { width: 1280, height: 900 };
const phone = { width: 375, height: 740 };
const address = (name, hash = "") => pathToFileURL(join(folder, name + ".html")).href + hash;

// visit opens a page, and fails if the browser complains or asks for anything but the page.
async function visit(name, { hash = "", viewport = desktop, ...options } = {}, look = async () => {}) {
  const context = await browser.newContext({ viewport, ...options });
  context.setDefaultTimeout(120_000); // a busy machine is slow
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== address(name) && !request.url().startsWith("data:")) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(address(name, hash));
  await look(page);
  assert.deepEqual(complaints, [], `${name}: the browser complains`);
  await context.close();
}

const names = (page) => page.locator("#table tbody tr:visible th .name").allTextContents();
const checks = {};

checks["every page loads: no complaint in the console, no request"] = async () => {
  for (const name of ["sample", "many", "empty", "foreign", "real"]) await visit(name);
};

checks["a page that breaks its own policy is noticed"] = async () => {
  await assert.rejects(visit("sample", {}, (page) => page.evaluate(() => {
    const image = document.createElement("img");
    image.src = "http://127.0.0.1:9/";
    document.body.append(image);
    return new Promise((resolve) => { image.onerror = resolve; });
  })), /Content Security Policy/);
};

checks["search, filters and charts show what they should, and reset shows all"] = async () => {
  await visit("sample", {}, async (page) => {
    const all = await names(page);
    assert.equal(all.length, 16);
    await page.fill("#search", "PAYMENTS owner");
    assert.deepEqual(await names(page), ["stripe-secret-key"]);
    assert.equal(await page.textContent("#shown"), "1 of 16 shown");
    await page.fill("#search", "nothing has this");
    assert.deepEqual(await names(page), []);
    assert.ok(await page.isVisible("#nothing"));
    await page.click("button[type=reset]");
    await page.waitForFunction(() => document.getElementById("shown").textContent === "16 of 16 shown");
    await page.selectOption("select[data-filter=state]", "drift");
    assert.deepEqual(await names(page), ["database-url", "openai-key", "smtp-password"]);
    await page.selectOption("select[data-filter=read]", "no");
    assert.deepEqual(await names(page), ["smtp-password"]);
    await page.selectOption("select[data-filter=state]", "");
    await page.selectOption("select[data-filter=read]", "");
    await page.getByRole("button", { name: "Overdue", exact: true }).click();
    assert.deepEqual(await names(page), ["session-key"]);
    assert.equal(await page.getByRole("button", { name: "Overdue", exact: true }).getAttribute("aria-pressed"), "true");
    await page.getByRole("button", { name: "Overdue", exact: true }).click();
    assert.deepEqual(await names(page), all);
  });
};

checks["columns sort both ways"] = async () => {
  await visit("sample", {}, async (page) => {
    const head = (name) => page.locator("#table").getByRole("columnheader", { name });
    const byName = await names(page);
    assert.deepEqual(byName, [...byName].sort());
    await head("Last rotation").getByRole("button").click();
    assert.equal((await names(page))[0], "signing-key");
    assert.equal(await head("Last rotation").getAttribute("aria-sort"), "ascending");
    assert.equal(await head("Secret").getAttribute("aria-sort"), null);
    await head("Next due").getByRole("button").click();
    assert.deepEqual((await names(page)).slice(0, 3), ["session-key", "csrf-key", "github-webhook"]);
    await head("State").getByRole("button").click();
    assert.equal((await names(page))[0], "database-url");
    await head("State").getByRole("button").click();
    assert.equal((await names(page)).at(-1), "database-url");
    await head("Readers").getByRole("button").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    assert.equal((await names(page))[0], "stripe-secret-key");
  });
};

checks["a link to a row shows the row, also if a filter hides it"] = async () => {
  const id = "default_secrets_store/stripe-secret-key";
  await visit("sample", { hash: "#" + id, viewport: phone }, async (page) => {
    const row = page.locator(`[id="${id}"]`);
    assert.ok(await row.evaluate((found) => found.matches(":target") && found.getBoundingClientRect().top < innerHeight));
    await page.selectOption("select[data-filter=state]", "drift");
    assert.ok(!(await row.isVisible()));
    await page.evaluate(() => { location.hash = ""; });
    await page.evaluate((to) => { location.hash = to; }, id);
    await row.waitFor({ state: "visible" });
    assert.equal(await row.locator("a.link").getAttribute("href"), "#" + id);
  });
};

checks["without JavaScript the table is complete, and nothing is offered that needs it"] = async () => {
  await visit("sample", { javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.locator("#table tbody tr:visible").count(), 16);
    assert.equal(await page.locator("form:visible, #table button:visible").count(), 0);
  });
};

checks["text from elsewhere is text"] = async () => {
  await visit("foreign", {}, async (page) => {
    assert.equal(await page.locator("script, img").count(), 1); // the page's own script
    assert.ok((await page.textContent("#table tbody th .name")).includes("</script><script>alert(1)</script>"));
    const id = await page.locator("#table tbody tr").first().getAttribute("id");
    await page.locator("a.link").first().click();
    assert.ok(await page.evaluate((to) => document.getElementById(to).matches(":target"), id));
  });
};

checks["no value is in the page of a project, in its source or as it is shown"] = async () => {
  const planted = JSON.parse(readFileSync(join(folder, "planted.json"), "utf8"));
  assert.ok(planted.length > 0);
  await visit("real", {}, async (page) => {
    const shown = await page.evaluate(() => document.documentElement.outerHTML + document.body.innerText);
    assert.ok(shown.includes("planted-one"), "the page does not name the secrets");
    for (const value of planted) assert.ok(!shown.includes(value) && !readFileSync(join(folder, "real.html"), "utf8").includes(value));
  });
};

checks["nothing scrolls sideways, from 320 pixels to 1920"] = async () => {
  for (const name of ["sample", "foreign", "empty"]) {
    await visit(name, {}, async (page) => {
      for (const width of [320, 375, 640, 768, 1024, 1121, 1280, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wide, 0, `${name} at ${width}`);
      }
    });
  }
};

checks["it prints all rows, without controls"] = async () => {
  await visit("many", {}, async (page) => {
    const pdf = await page.pdf({ preferCSSPageSize: true });
    assert.ok(pdf.length > 20_000);
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("form:visible, a.link:visible").count(), 0);
    assert.equal(await page.locator("#table tbody tr:visible").count(), 200);
  });
};

checks["axe finds nothing serious or critical, in light and dark, wide and narrow"] = async () => {
  for (const name of ["sample", "empty", "foreign"]) {
    await visit(name, { hash: "#default_secrets_store/openai-key" }, async (page) => {
      await page.evaluate(axe);
      for (const colorScheme of ["light", "dark"]) {
        for (const viewport of [desktop, phone]) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize(viewport);
          const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
          const bad = violations.filter((found) => found.impact === "serious" || found.impact === "critical");
          const where = `${name}, ${colorScheme}, ${viewport.width} pixels`;
          assert.deepEqual(bad.map((found) => [found.id, found.nodes.map((node) => node.html + " " + node.failureSummary)]), [], where);
          assert.ok(passes.length > 10);
          console.log(`  axe: ${where}: ${passes.length} rules passed, minor findings: ${violations.map((found) => found.id).join(", ") || "none"}`);
        }
      }
    });
  }
};

checks["axe finds a fault that is planted"] = async () => {
  await visit("empty", {}, async (page) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => {
      document.querySelector("main").append(document.createElement("button"));
      return globalThis.axe.run();
    });
    assert.deepEqual(violations.map((found) => [found.id, found.impact]), [["button-name", "critical"]]);
  });
};

checks["200 secrets are filtered and sorted at once"] = async () => {
  assert.ok(statSync(join(folder, "many.html")).size < 600_000);
  await visit("many", {}, async (page) => {
    const spent = await page.evaluate(() => {
      const start = performance.now();
      const search = document.getElementById("search");
      search.value = "service-1";
      search.dispatchEvent(new Event("input", { bubbles: true }));
      document.querySelector("th[data-sort=due] button").click();
      document.body.getBoundingClientRect();
      return performance.now() - start;
    });
    assert.ok(spent < 3000, `${spent} ms`);
    assert.equal((await names(page)).length, 100);
  });
};

let failed = 0;
for (const [what, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok: ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${what}\n${error.stack}`);
  }
}

if (screenshots) {
  const shot = async (file, name, options, fullPage = true) => visit(name, options, (page) => page.screenshot({ path: join(screenshots, file), fullPage }));
  await shot("report-light.png", "sample", { colorScheme: "light" });
  await shot("report-dark.png", "sample", { colorScheme: "dark" });
  await shot("report-phone.png", "sample", { viewport: phone, colorScheme: "light" });
  await shot("report-200.png", "many", { colorScheme: "light" }, false);
  await shot("report-empty.png", "empty", { colorScheme: "light" }, false);
  await shot("report-foreign.png", "foreign", { colorScheme: "light" });
  await visit("sample", { viewport: { width: 1030, height: 720 } }, async (page) => {
    await page.emulateMedia({ media: "print" });
    await page.screenshot({ path: join(screenshots, "report-print.png"), fullPage: true });
  });
}
await browser.close();
process.exitCode = failed === 0 ? 0 : 1;
