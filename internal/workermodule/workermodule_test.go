package workermodule_test

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/workermodule"
)

func TestFormat(t *testing.T) {
	stripe := workermodule.Secret{Label: "stripe-key", Bindings: []string{"STRIPE", "STRIPE_TEST"}}
	m := workermodule.Module{
		Secrets: []workermodule.Secret{stripe},
		Stores: []workermodule.Store{
			{Label: "main", Secrets: []workermodule.Secret{stripe}},
			{Label: "shared", Secrets: []workermodule.Secret{{Label: "__proto__", Bindings: []string{"$X"}}}},
		},
		Bindings: []workermodule.Binding{{Name: "STRIPE"}, {Name: "STRIPE_TEST", Optional: true}, {Name: "$X"}},
	}
	text := m.Format()
	for _, want := range []string{
		"const secrets = {\n  \"stripe-key\": [\"STRIPE\", \"STRIPE_TEST\"],\n} as const;\n",
		"const stores = {\n  \"main\": secrets,\n  \"shared\": {\n    [\"__proto__\"]: [\"$X\"],\n  },\n} as const;\n",
		"export interface SecretsStoreBindings {\n  STRIPE: Secret;\n  STRIPE_TEST?: Secret | undefined;\n  $X: Secret;\n}\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the module lacks:\n%s\nand is:\n%s", want, text)
		}
	}
	if m.Count() != 2 {
		t.Errorf("%d secrets, want 2", m.Count())
	}
	windows := []byte(strings.ReplaceAll(text, "\n", "\r\n"))
	for name, data := range map[string][]byte{"as written": []byte(text), "with CRLF": windows} {
		if !workermodule.Is(data) || !workermodule.Same(data, text) {
			t.Errorf("%s, the module is not recognized", name)
		}
	}
	if edited := []byte(text + "// by hand\n"); !workermodule.Is(edited) || workermodule.Same(edited, text) {
		t.Error("an edited module must be recognized as one, and as another text")
	}
	if workermodule.Is([]byte("export default {};\n")) {
		t.Error("another program passes for a module")
	}
}
