package emulator_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/emulator"
)

func TestStores(t *testing.T) {
	c, _ := newClient(t, emulator.Options{Now: newClock().now})
	created := get[store](c, "POST", "/stores", `{"name":"prod"}`)
	want := store{ID: created.ID, Name: "prod", Created: "2026-11-23T12:00:00.123456Z", Modified: "2026-11-23T12:00:00.123456Z", AccountID: account}
	if created != want || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(created.ID) {
		t.Errorf("created %+v", created)
	}
	if got := get[store](c, "GET", "/stores/"+created.ID, nil); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := get[[]store](c, "GET", "/stores", nil); !slices.Equal(got, []store{want}) {
		t.Errorf("listed %+v", got)
	}
	c.newSecret(created.ID, "one", "1")
	if r := c.send("DELETE", "/stores/"+created.ID+"?force=true", nil); r.status != 200 || string(r.Result) != "null" {
		t.Errorf("delete: %s", r.text)
	}
	if got := get[[]store](c, "GET", "/stores", nil); len(got) != 0 {
		t.Errorf("still there: %+v", got)
	}
	if again := c.newStore("prod"); again == created.ID {
		t.Error("a new store has the id of an old one")
	}
}

func TestSecretsLifecycle(t *testing.T) {
	c, s := newClient(t, emulator.Options{})
	id := c.newStore("prod")
	secrets := "/stores/" + id + "/secrets"
	values := [][]byte{[]byte("line\r\nline\n\t\"\\"), []byte("smile \U0001F600 \u2028"), bytes.Repeat([]byte("é"), 32768)}
	created := get[[]secret](c, "POST", secrets, []any{
		with(with(item("a", string(values[0])), "comment", "first"), "scopes", []string{"workers", "access", "ai_gateway", "access"}),
		item("B_2-c", string(values[1])),
		item("long", string(values[2])),
	})
	if len(created) != 3 || created[0].Name != "a" || created[1].Name != "B_2-c" || created[0].StoreID != id || created[0].ID == created[1].ID {
		t.Fatalf("created %+v", created)
	}
	if created[0].Comment == nil || *created[0].Comment != "first" || created[1].Comment != nil {
		t.Error("comments are not as sent")
	}
	if diff := cmp.Diff([]string{"access", "ai_gateway", "workers"}, created[0].Scopes); diff != "" {
		t.Errorf("scopes: %s", diff)
	}
	if created[0].Status != "pending" {
		t.Errorf("a new secret is %s", created[0].Status)
	}
	created[0].Status = "active"
	if diff := cmp.Diff(created[0], get[secret](c, "GET", secrets+"/"+created[0].ID, nil)); diff != "" {
		t.Errorf("read after create: %s", diff)
	}
	for i, name := range []string{"a", "B_2-c", "long"} {
		if !s.HasValue(account, "prod", name, values[i]) || s.HasValue(account, "prod", name, append(values[i], '\n')) {
			t.Errorf("%s has another value", name)
		}
	}
	if s.HasValue(account, "prod", "none", nil) || s.HasValue(account, "none", "a", values[0]) || s.HasValue("none", "prod", "a", values[0]) {
		t.Error("what doesn't exist has a value")
	}
	if r := c.send("DELETE", secrets+"/"+created[0].ID, nil); r.status != 200 || string(r.Result) != "null" {
		t.Errorf("delete: %s", r.text)
	}
	if left := c.list(id); len(left) != 2 || s.HasValue(account, "prod", "a", values[0]) {
		t.Errorf("after delete: %+v", left)
	}
	gone := get[[]secret](c, "DELETE", secrets, []any{map[string]string{"id": created[1].ID}, map[string]string{"id": created[2].ID}})
	if len(gone) != 2 || gone[0].ID != created[1].ID || gone[0].Status != "deleted" || len(c.list(id)) != 0 {
		t.Errorf("bulk delete: %+v", gone)
	}
}

func TestPatch(t *testing.T) {
	c, s := newClient(t, emulator.Options{Now: newClock().now})
	id := c.newStore("prod")
	created := c.newSecret(id, "one", "1")
	for _, tt := range []struct{ body, comment, scopes, value string }{
		{`{}`, "<nil>", "[workers]", "1"},
		{`{"comment":"new"}`, "new", "[workers]", "1"},
		{`{"scopes":["workers","dex"]}`, "new", "[dex workers]", "1"},
		{`{"value":"2"}`, "new", "[dex workers]", "2"},
		{`{"value":"2"}`, "new", "[dex workers]", "2"},
		{`{"value":null,"scopes":null,"comment":null}`, "new", "[dex workers]", "2"},
		{`{"name":"other","value":"3"}`, "new", "[dex workers]", "3"},
		{`{"comment":""}`, "", "[dex workers]", "3"},
	} {
		before := c.list(id)[0]
		got := get[secret](c, "PATCH", "/stores/"+id+"/secrets/"+created.ID, tt.body)
		comment := "<nil>"
		if got.Comment != nil {
			comment = *got.Comment
		}
		if comment != tt.comment || fmt.Sprint(got.Scopes) != tt.scopes || got.Name != "one" || got.ID != created.ID {
			t.Errorf("%s: got %+v", tt.body, got)
		}
		if got.Modified <= before.Modified || got.Created != before.Created {
			t.Errorf("%s: modified %s, before %s", tt.body, got.Modified, before.Modified)
		}
		if !s.HasValue(account, "prod", "one", []byte(tt.value)) {
			t.Errorf("%s: not the value", tt.body)
		}
		if diff := cmp.Diff(got, c.list(id)[0]); diff != "" {
			t.Errorf("%s: the list differs from the answer: %s", tt.body, diff)
		}
	}
}

func TestDuplicate(t *testing.T) {
	c, s := newClient(t, emulator.Options{MaxSecrets: 2})
	id := c.newStore("prod")
	created := c.newSecret(id, "one", "1")
	path := "/stores/" + id + "/secrets/" + created.ID + "/duplicate"
	copied := get[secret](c, "POST", path, `{"name":"two","scopes":["dex"],"comment":"copy"}`)
	if copied.ID == created.ID || copied.Name != "two" || *copied.Comment != "copy" || copied.Status != "pending" || copied.Scopes[0] != "dex" {
		t.Errorf("copied %+v", copied)
	}
	c.refused("POST", path, `{"name":"three","scopes":["dex"]}`, "400 1003 maximum_secrets_exceeded: max 2")
	get[secret](c, "PATCH", "/stores/"+id+"/secrets/"+created.ID, `{"value":"new"}`)
	if !s.HasValue(account, "prod", "two", []byte("1")) || !s.HasValue(account, "prod", "one", []byte("new")) {
		t.Error("the copy doesn't keep its own value")
	}
}

func TestQuotaCountsTheAccount(t *testing.T) {
	type quota struct{ Secrets struct{ Quota, Usage int } }
	c, _ := newClient(t, emulator.Options{MaxStores: 2, MaxSecrets: 3})
	a, b := c.newStore("a"), c.newStore("b")
	c.newSecret(a, "one", "1")
	c.newSecret(b, "one", "1")
	if q := get[quota](c, "GET", "/quota", nil); q.Secrets.Quota != 3 || q.Secrets.Usage != 2 {
		t.Errorf("quota %+v", q)
	}
	c.refused("POST", "/stores/"+b+"/secrets", []any{item("two", "2"), item("three", "3")}, "400 1003 maximum_secrets_exceeded: max 3")
	c.newSecret(b, "two", "2")

	other := &client{t, c.server, strings.Repeat("a", 32), c.token}
	if q := get[quota](other, "GET", "/quota", nil); q.Secrets.Usage != 0 {
		t.Errorf("another account's quota is %+v", q)
	}
	if n := len(get[[]store](other, "GET", "/stores", nil)); n != 0 {
		t.Errorf("another account sees %d stores", n)
	}
	other.refused("GET", "/stores/"+a, nil, "404 1001 store_not_found")
}

func TestDefaultQuotas(t *testing.T) {
	c, _ := newClient(t, emulator.Options{})
	id := c.newStore("prod")
	var items []any
	for i := range 101 {
		items = append(items, item(fmt.Sprint("s", i), "x"))
	}
	c.refused("POST", "/stores/"+id+"/secrets", items, "400 1003 maximum_secrets_exceeded: max 100")
	if created := get[[]secret](c, "POST", "/stores/"+id+"/secrets", items[:100]); len(created) != 100 {
		t.Errorf("%d created", len(created))
	}
}

func TestPartialBulkCreate(t *testing.T) {
	for _, partial := range []bool{false, true} {
		c, _ := newClient(t, emulator.Options{PartialBulkCreate: partial})
		id := c.newStore("prod")
		c.newSecret(id, "taken", "x")
		c.refused("POST", "/stores/"+id+"/secrets", []any{item("a", "1"), item("taken", "2"), item("z", "3")},
			"400 1003 secret_name_already_exists: taken")
		want := 1
		if partial {
			want = 2
		}
		if left := c.list(id); len(left) != want {
			t.Errorf("partial %v: %+v", partial, left)
		}
	}
}

func TestPendingFor(t *testing.T) {
	clock := newClock()
	c, _ := newClient(t, emulator.Options{PendingFor: time.Second, Now: clock.now})
	id := c.newStore("prod")
	c.newSecret(id, "one", "1")
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{0, "pending"}, {900 * time.Millisecond, "pending"}, {200 * time.Millisecond, "active"}} {
		clock.add(tt.after)
		if got := c.list(id)[0]; got.Status != tt.want {
			t.Errorf("%s later it is %s, want %s", tt.after, got.Status, tt.want)
		}
	}
}

// With ActivationMoves, each write of the value makes the secret pending, and its activation
// moves its modification time. A write of metadata does neither.
func TestActivationMoves(t *testing.T) {
	clock := newClock()
	c, _ := newClient(t, emulator.Options{PendingFor: time.Second, ActivationMoves: true, Now: clock.now})
	id := c.newStore("prod")
	one := c.newSecret(id, "one", "1")
	path := "/stores/" + id + "/secrets/" + one.ID
	modified := one.Modified
	for _, tt := range []struct {
		patch  map[string]any
		after  time.Duration
		status string
		moves  bool
	}{
		{nil, 900 * time.Millisecond, "pending", false},
		{nil, 200 * time.Millisecond, "active", true},
		{nil, time.Hour, "active", false},
		{map[string]any{"comment": "c"}, time.Hour, "active", true},
		{map[string]any{"value": "2"}, 0, "pending", true},
		{nil, 2 * time.Second, "active", true},
	} {
		if tt.patch != nil {
			c.send("PATCH", path, tt.patch)
		}
		clock.add(tt.after)
		got := c.list(id)[0]
		if got.Status != tt.status || (got.Modified > modified) != tt.moves {
			t.Errorf("%v, %s later: %s, modified %s after %s", tt.patch, tt.after, got.Status, got.Modified, modified)
		}
		modified = got.Modified
	}
}

// By default a secret is active when it is read, even if the clock stands still.
func TestActiveFromTheNextRead(t *testing.T) {
	c, _ := newClient(t, emulator.Options{Now: newClock().now})
	id := c.newStore("prod")
	for _, name := range []string{"one", "two", "three"} {
		if created := c.newSecret(id, name, "x"); created.Status != "pending" {
			t.Errorf("%s is created %s", name, created.Status)
		}
	}
	for _, one := range c.list(id) {
		if one.Status != "active" {
			t.Errorf("%s is %s", one.Name, one.Status)
		}
	}
}

// No answer to a request that carries a value contains any part of it.
func TestNoAnswerHoldsAValue(t *testing.T) {
	c, _ := newClient(t, emulator.Options{})
	value := rand.Text()
	id := c.newStore("prod")
	secrets := "/stores/" + id + "/secrets"
	one := c.newSecret(id, "one", value)
	replies := []reply{
		c.send("POST", secrets, []any{item("two", value)}),
		c.send("POST", secrets, []any{item("two", value)}),
		c.send("POST", secrets, []any{item("a.b", value)}),
		c.send("POST", secrets, item("x", value)),
		c.send("POST", secrets, `[{"value":"`+value),
		c.send("POST", secrets, []any{item("long", strings.Repeat(value, 3000))}),
		c.send("PATCH", secrets+"/"+one.ID, map[string]string{"value": value}),
		c.send("PATCH", secrets+"/"+one.ID, `"`+value+`"`),
		c.send("PATCH", secrets+"/"+one.ID, `{"scopes":"`+value+`"}`),
		c.send("POST", secrets+"/"+one.ID+"/duplicate", map[string]any{"name": "c", "value": value, "scopes": []string{"dex"}}),
		c.send("GET", secrets, nil),
		c.send("GET", secrets+"/"+one.ID, nil),
		c.send("DELETE", secrets, `["`+value+`"]`),
	}
	for _, r := range replies {
		for i := range len(value) - 6 {
			if strings.Contains(r.text, value[i:i+6]) {
				t.Fatalf("an answer holds a part of the value: %s", r.text)
			}
		}
		if strings.Contains(r.text, `"value"`) || strings.Contains(r.text, `"mac"`) {
			t.Errorf("an answer has a field too many: %s", r.text)
		}
	}
}

// The first request gets the name, and every change has a different time.
func TestConcurrentClients(t *testing.T) {
	c, s := newClient(t, emulator.Options{RateLimit: -1})
	id := c.newStore("prod")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				c.send("POST", "/stores/"+id+"/secrets", []any{item(fmt.Sprint("s", i), "x")})
				for _, one := range c.list(id) {
					c.send("PATCH", "/stores/"+id+"/secrets/"+one.ID, `{"comment":"x"}`)
				}
				s.HasValue(account, "prod", "s0", []byte("x"))
				s.Requests()
			}
		})
	}
	wg.Wait()
	times := map[string]bool{}
	for _, one := range c.list(id) {
		times[one.Modified] = true
	}
	if len(times) != 20 {
		t.Errorf("%d secrets with times of their own, want 20", len(times))
	}
}
