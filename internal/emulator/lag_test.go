package emulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
)

// laggard is a store in which a secret was created at 10 s, changed at 20 s and deleted at
// 30 s, when another one was created; it is 35 s now.
func laggard(t *testing.T, rule string) (c *client, store string) {
	t.Helper()
	clock := newClock()
	var fault func(*http.Request) emulator.Fault
	c, _ = newClient(t, emulator.Options{Now: clock.now, Fault: func(r *http.Request) emulator.Fault {
		if fault == nil {
			return emulator.Fault{}
		}
		return fault(r)
	}})
	store = c.newStore("prod")
	clock.add(10 * time.Second)
	one := c.newSecret(store, "one", "1")
	clock.add(10 * time.Second)
	get[secret](c, "PATCH", "/stores/"+store+"/secrets/"+one.ID, `{"scopes":["dex"]}`)
	clock.add(10 * time.Second)
	c.send("DELETE", "/stores/"+store+"/secrets/"+one.ID, nil)
	c.newSecret(store, "two", "2")
	clock.add(5 * time.Second)
	var err error
	if fault, err = faultrule.Parse(rule); err != nil {
		t.Fatal(err)
	}
	return c, store
}

func TestLag(t *testing.T) {
	for rule, want := range map[string]string{
		"GET /secrets lag=1s":  "two [workers]",
		"GET /secrets lag=6s":  "one [dex]",
		"GET /secrets lag=16s": "one [workers]",
		"GET /secrets lag=26s": "",
		"GET /secrets lag":     "", // before the latest write, which is two's
		"GET /quota lag=16s":   "two [workers]",
		"* * lag=6s":           "one [dex]",
	} {
		t.Run(rule, func(t *testing.T) {
			c, store := laggard(t, rule)
			var got []string
			for _, s := range c.list(store) {
				got = append(got, s.Name+" ["+strings.Join(s.Scopes, ",")+"]")
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("the list shows %v, want %s", got, want)
			}
		})
	}
}

// A write sees the current state, however far reads lag.
func TestLagOfWrites(t *testing.T) {
	c, store := laggard(t, "* * lag=26s")
	c.refused("POST", "/stores/"+store+"/secrets", []any{item("two", "2")}, "400 1003 secret_name_already_exists: two")
	c.newSecret(store, "one", "1")
}

func TestLagOfStores(t *testing.T) {
	c, store := laggard(t, "* * lag=1m")
	if stores := get[[]struct{ ID string }](c, "GET", "/stores", nil); len(stores) != 0 {
		t.Errorf("stores %v", stores)
	}
	c.refused("GET", "/stores/"+store+"/secrets", nil, "404 1001 store_not_found")
}

func TestLagOption(t *testing.T) {
	clock := newClock()
	c, _ := newClient(t, emulator.Options{Now: clock.now, Lag: 2 * time.Second})
	store := c.newStore("prod")
	clock.add(3 * time.Second)
	created := c.newSecret(store, "one", "1")
	c.refused("GET", "/stores/"+store+"/secrets/"+created.ID, nil, "404 1001 secret_not_found")
	clock.add(3 * time.Second)
	if all := c.list(store); len(all) != 1 {
		t.Errorf("the list shows %v", all)
	}
}
