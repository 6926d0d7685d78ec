//go:build e2e

package envfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// TestDotenvWithNPM compares with the npm package dotenv itself, for random texts of what
// matters to it.
func TestDotenvWithNPM(t *testing.T) {
	pieces := []string{
		"A", "B", "C_1", "x", "=", "=", "=", "= ", ":", ": ", " ", "\t", "\n", "\n", "\n", "\r\n", "\r", "'", "'", `"`, `"`, "`", `\`, `\n`, `\"`, `\'`,
		"#", "# c", "export ", "é", "\u2028", "\u00a0", "\ufeff", "1", "-", ".", "$A", "🦀",
	}
	random := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 20_000)
	for i := range texts {
		var b strings.Builder
		if i%2 == 0 {
			b.WriteString("A=")
		}
		for range 3 + random.IntN(22) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		texts[i] = b.String()
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e",
		`const { parse } = require("dotenv"); console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map((text) => parse(text))));`)
	node.Dir, node.Stdin = "../../e2e", bytes.NewReader(input)
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var wanted []map[string]string
	if err := json.Unmarshal(output, &wanted); err != nil || len(wanted) != len(texts) {
		t.Fatalf("%d results: %v", len(wanted), err)
	}
	values := 0
	for i, text := range texts {
		got := map[string]string{}
		all, _ := dotenv(text)
		for _, a := range all {
			got[a.name] = a.value
		}
		if values += len(got); !maps.Equal(got, wanted[i]) {
			t.Errorf("%q:\n got %q\nwant %q", text, got, wanted[i])
		}
	}
	t.Logf("texts %d, values %d", len(texts), values)
}
