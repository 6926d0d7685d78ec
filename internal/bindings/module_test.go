package bindings_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bound is a list of bindings, each NAME=SECRET of the store prod.
func bound(names ...string) string {
	var list []string
	for _, name := range names {
		binding, sec, _ := strings.Cut(name, "=")
		list = append(list, fmt.Sprintf(`{"binding": %q, "store_id": %q, "secret_name": %q}`, binding, storeID, sec))
	}
	return `"secrets_store_secrets": [` + strings.Join(list, ", ") + "]"
}

func TestModule(t *testing.T) {
	for name, test := range map[string]struct {
		config   string
		want     string // SECRET=BINDING,… and the bindings, those that are optional with ?
		warnings []string
		err      string
	}{
		"one environment, in the manifest's order": {
			config: bound("B=p-new-name", "A=p-api-key"),
			want:   "api-key=A new-name=B | A B",
		},
		"two bindings of one secret": {config: bound("A=p-api-key", "B=p-api-key"), want: "api-key=A | A"},
		"a previous name":            {config: bound("A=p-old-name"), want: "new-name=A | A"},
		"unknown secrets": {
			config: bound("A=p-api-key", "X=p-unknown"),
			want:   "api-key=A | A",
		},
		"the binding that all environments have": {
			config: bound("OLD=p-api-key", "A=p-api-key") + `, "env": {"staging": {` + bound("A=p-api-key") + "}}",
			want:   "api-key=A | A",
		},
		"another binding in each": {
			config: bound("A=p-api-key") + `, "env": {"staging": {` + bound("B=p-api-key") + "}}",
			want:   "api-key=A,B | A? B?",
		},
		"not everywhere": {
			config:   bound("A=p-api-key") + `, "env": {"staging": {` + bound("A=p-api-key", "B=p-new-name") + "}}",
			want:     "api-key=A | A",
			warnings: []string{`"new-name" is left out: it is not bound in the top level of FILE`},
		},
		"an environment without bindings": {
			config:   bound("A=p-api-key") + `, "env": {"dev": {}}`,
			want:     "api-key=A | A?",
			warnings: []string{"env.dev of FILE binds no secret of the manifest: the module cannot be used there"},
		},
		"previews": {
			config:   bound("A=p-api-key", "B=p-new-name") + `, "previews": {` + bound("A=p-api-key") + "}",
			want:     "api-key=A | A",
			warnings: []string{`"new-name" is left out: it is not bound in the previews of the top level of FILE`},
		},
		"a binding that is another secret elsewhere": {
			config: bound("A=p-api-key") + `, "env": {"staging": {` + bound("A=p-new-name", "B=p-api-key") + "}}",
			err:    `FILE: "api-key" has different bindings (A, B), and env.staging uses A for something else`,
		},
		"nothing bound": {config: `"name": "api"`, err: "FILE binds no secret of the manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			p := project(t, "{"+test.config+"}")
			c := p.Configs[0]
			m, warnings, err := p.Module(c, c.Environments)
			text := func(s string) string { return strings.ReplaceAll(s, c.File, "FILE") }
			if test.err != "" {
				if err == nil || text(err.Error()) != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, sec := range m.Secrets {
				parts = append(parts, sec.Label+"="+strings.Join(sec.Bindings, ","))
			}
			parts = append(parts, "|")
			for _, b := range m.Bindings {
				parts = append(parts, b.Name+map[bool]string{true: "?"}[b.Optional])
			}
			if got := strings.Join(parts, " "); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			var said []string
			for _, w := range warnings {
				said = append(said, text(w))
			}
			if diff := cmp.Diff(test.warnings, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}
