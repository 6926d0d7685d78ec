package emulator_test

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

// TestRegistries: a registry refers to a secret that exists and is for containers. Its domain is
// configured once.
func TestRegistries(t *testing.T) {
	c, _ := newClient(t, emulator.Options{})
	id := c.newStore("prod")
	c.newSecret(id, "workers-only", "v")
	get[any](c, "POST", "/stores/"+id+"/secrets", []any{with(item("pull", "hunter2"), "scopes", []string{"containers"})})
	const registries = accountPath + "containers/registries"
	ref := func(name string) string {
		return `{"domain":"hub.example","kind":"DockerHub","auth":{"public_credential":"me","private_credential":{"store_id":"` + id + `","secret_name":"` + name + `"}}}`
	}
	for _, tt := range []struct{ body, want string }{
		{ref("none"), "secret_not_found"},
		{ref("workers-only"), "secret_scope_invalid"},
		{`{"domain":"hub.example"}`, "invalid"},
		{`{"auth":{"public_credential":"me"}}`, "invalid"},
		{`{"domain":"hub.example","auth":{"public_credential":"me"}}`, "invalid"},
		{`{"domain":"hub.example","auth":{"public_credential":"me","private_credential":"hunter2"}}`, "invalid"},
		{`{"domain":"hub.example","is_public":true,"auth":{}}`, "invalid"},
		{ref("pull"), `"private_credential":{"store_id":"` + id + `","secret_name":"pull"}`},
		{ref("pull"), "already exists"},
		{`{"domain":"docker.io","is_public":true}`, `"domain":"docker.io"`},
	} {
		if r := c.send("POST", registries, tt.body); !strings.Contains(r.text, tt.want) || strings.Contains(r.text, "hunter2") {
			t.Errorf("%s: %s, want %s", tt.body, r.text, tt.want)
		}
	}
	r := c.send("GET", registries, nil)
	for want, times := range map[string]int{`"domain"`: 2, `"public_key":"me"`: 1, `"private_credential"`: 1, `"created_at"`: 2, "hunter2": 0} {
		if strings.Count(r.text, want) != times {
			t.Errorf("the list has %s %d times, want %d: %s", want, strings.Count(r.text, want), times, r.text)
		}
	}
}
