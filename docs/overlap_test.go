package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOverlapWorker runs the Worker of workers.md that accepts a previous value. It runs under Node.js,
// which has the globals that it needs. It is called with the value, the previous one and an older one,
// and while the previous one or the secret itself cannot be read.
func TestOverlapWorker(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: there is no Node.js here, so the Worker of docs/workers.md is not run")
	}
	text, err := os.ReadFile("workers.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile("(?s)## Accept the previous value too\n.*?```js\n(.*?)```").FindStringSubmatch(string(text))
	if section == nil {
		t.Fatal("workers.md has no such Worker")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"worker.mjs": section[1], "test.mjs": overlapScenario} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), node, filepath.Join(dir, "test.mjs")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `both equal, v1: 200 accepted
both equal, v0: 401 not signed
kept, v2: 200 accepted
kept, v1: 200 accepted, signed with the previous value
kept, v0: 401 not signed
being retired, v2: 200 accepted
being retired, v1: 401 not signed
retired, v2: 200 accepted
retired, v1: 401 not signed
no signature: 401 not signed
the secret cannot be read: Error
`
	if got := strings.ReplaceAll(string(out), "\r\n", "\n"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

const overlapScenario = `import worker from "./worker.mjs";
import { createHmac } from "node:crypto";

const has = (value) => ({ get: async () => value });
const lacks = { get: async () => { throw new Error("Secret not found"); } };
const ask = async (what, current, previous, signedWith) => {
  const body = "an event";
  const headers = signedWith ? { "x-signature": createHmac("sha256", signedWith).update(body).digest("hex") } : {};
  const request = new Request("https://worker.example/", { method: "POST", body, headers });
  try {
    const response = await worker.fetch(request, { WEBHOOK_SECRET: current, WEBHOOK_SECRET_PREVIOUS: previous });
    console.log(what + ": " + response.status + " " + (await response.text()).trim());
  } catch (e) {
    console.log(what + ": " + e.name);
  }
};
await ask("both equal, v1", has("v1"), has("v1"), "v1");
await ask("both equal, v0", has("v1"), has("v1"), "v0");
await ask("kept, v2", has("v2"), has("v1"), "v2");
await ask("kept, v1", has("v2"), has("v1"), "v1");
await ask("kept, v0", has("v2"), has("v1"), "v0");
await ask("being retired, v2", has("v2"), lacks, "v2");
await ask("being retired, v1", has("v2"), lacks, "v1");
await ask("retired, v2", has("v2"), has("v2"), "v2");
await ask("retired, v1", has("v2"), has("v2"), "v1");
await ask("no signature", has("v2"), has("v1"), "");
await ask("the secret cannot be read", lacks, has("v1"), "v1");
`
