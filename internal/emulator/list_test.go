package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
)

func fill(c *client, n int) (path string, names []string) {
	c.Helper()
	id := c.newStore("prod")
	var items []any
	for i := range n {
		names = append(names, fmt.Sprintf("s%03d", i))
		items = append(items, item(names[i], "x"))
	}
	path = "/stores/" + id + "/secrets"
	get[[]secret](c, "POST", path, items)
	return path, names
}

func TestPages(t *testing.T) {
	for _, perPage := range []int{20, 50, 100} {
		for _, totalPages := range []bool{false, true} {
			c, s := newClient(t, emulator.Options{MaxSecrets: 250, TotalPages: totalPages})
			path, want := fill(c, 250)
			s.ResetRequests()
			var names []string
			for page := 1; len(names) < 250; page++ {
				r := c.send("GET", fmt.Sprintf("%s?per_page=%d&page=%d&direction=asc", path, perPage, page), nil)
				found := get[[]secret](c, "GET", fmt.Sprintf("%s?per_page=%d&page=%d&direction=asc", path, perPage, page), nil)
				info := map[string]int{"count": len(found), "page": page, "per_page": perPage, "total_count": 250}
				if totalPages {
					info["total_pages"] = (249 + perPage) / perPage
				}
				if diff := cmp.Diff(info, r.ResultInfo); diff != "" {
					t.Fatalf("page %d: %s", page, diff)
				}
				for _, f := range found {
					names = append(names, f.Name)
				}
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("pages of %d: %s", perPage, diff)
			}
			if n := len(s.Requests()); n != 2*((249+perPage)/perPage) {
				t.Errorf("pages of %d: %d requests", perPage, n)
			}
		}
	}
}

func TestPageDefaults(t *testing.T) {
	c, _ := newClient(t, emulator.Options{MaxSecrets: 250})
	path, _ := fill(c, 250)
	for query, want := range map[string]string{
		"":                          "s249 20",
		"?page=0":                   "s249 20",
		"?page=-1&per_page=-1":      "s249 20",
		"?page=x&per_page=y":        "s249 20",
		"?per_page=1000":            "s249 100",
		"?per_page=100&page=3":      "s049 50",
		"?per_page=100&page=4":      " 0",
		"?page=9223372036854775807": " 0",
		"?order=name":               "s249 20",
		"?order=nonsense":           "s249 20",
		"?direction=asc":            "s000 20",
	} {
		r := c.send("GET", path+query, nil)
		found := get[[]secret](c, "GET", path+query, nil)
		first := ""
		if len(found) > 0 {
			first = found[0].Name
		}
		if got := fmt.Sprintf("%s %d", first, len(found)); got != want || r.ResultInfo["total_count"] != 250 {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
		if len(found) == 0 && string(r.Result) != "[]" {
			t.Errorf("%q: an empty page is %s", query, r.Result)
		}
	}
	c, _ = newClient(t, emulator.Options{MaxPerPage: 10})
	path, _ = fill(c, 30)
	if found := get[[]secret](c, "GET", path, nil); len(found) != 10 {
		t.Errorf("%d in a page of at most 10", len(found))
	}
}

func TestOrderAndFilters(t *testing.T) {
	c, _ := newClient(t, emulator.Options{MaxStores: 3})
	id := c.newStore("prod")
	path := "/stores/" + id + "/secrets"
	created := get[[]secret](c, "POST", path, []any{
		with(with(item("beta", "x"), "comment", "Zoo"), "scopes", []string{"workers", "dex"}),
		with(item("Alpha", "x"), "comment", "ape"),
		with(item("gamma", "x"), "scopes", []string{"dex"}),
	})
	get[secret](c, "PATCH", path+"/"+created[0].ID, "{}")
	for query, want := range map[string]string{
		"?direction=asc":                  "beta Alpha gamma",
		"?order=created&direction=desc":   "gamma Alpha beta",
		"?order=modified&direction=asc":   "Alpha gamma beta",
		"?order=modified":                 "beta gamma Alpha",
		"?order=name&direction=asc":       "Alpha beta gamma",
		"?order=comment&direction=asc":    "gamma beta Alpha",
		"?order=status&direction=asc":     "beta Alpha gamma",
		"?search=ZO":                      "beta",
		"?search=alph":                    "Alpha",
		"?search=a&direction=asc":         "beta Alpha gamma",
		"?search=nothing":                 "",
		"?scopes=dex&direction=asc":       "beta gamma",
		"?scopes=dex&scopes=workers":      "beta",
		"?scopes=dex,workers":             "beta",
		"?scopes=access":                  "",
		"?scopes=dex&search=gam":          "gamma",
		"?scopes=dex&per_page=1&page=2":   "beta",
		"?search=a&per_page=2&page=2":     "beta",
		"?search=b&search=ignored&page=1": "beta",
	} {
		var names []string
		for _, f := range get[[]secret](c, "GET", path+query, nil) {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	c.newStore("a")
	c.newStore("z")
	for query, want := range map[string][]string{
		"":                             {"z", "a", "prod"},
		"?order=name&direction=asc":    {"a", "prod", "z"},
		"?order=modified":              {"z", "a", "prod"},
		"?order=name&per_page=2":       {"z", "prod"},
		"?per_page=2&page=2":           {"prod"},
		"?order=created&direction=asc": {"prod", "a", "z"},
	} {
		var names []string
		for _, f := range get[[]store](c, "GET", "/stores"+query, nil) {
			names = append(names, f.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("stores%s: %q, want %q", query, names, want)
		}
	}
}

// TestShort: a list under this fault lacks every other entry by name, whatever its order and its
// pages, and still counts all of them.
func TestShort(t *testing.T) {
	fault, err := faultrule.Parse("GET /secrets short", "GET /stores short once")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := newClient(t, emulator.Options{Fault: fault})
	id := c.newStore("prod")
	path := "/stores/" + id + "/secrets"
	get[[]secret](c, "POST", path, []any{item("d", "x"), item("a", "x"), item("c", "x"), item("b", "x"), item("e", "x")})
	for query, want := range map[string]string{"?order=name&direction=asc": "b d", "?order=name": "d b", "?order=name&per_page=1&page=2": "b", "?page=3": ""} {
		r := c.send("GET", path+query, nil)
		var names []string
		for _, s := range get[[]secret](c, "GET", path+query, nil) {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != want || r.ResultInfo["total_count"] != 5 {
			t.Errorf("%s: %q of %d, want %q of 5", query, got, r.ResultInfo["total_count"], want)
		}
	}
	for _, want := range []int{0, 1} {
		if stores := get[[]struct{ ID string }](c, "GET", "/stores", nil); len(stores) != want {
			t.Errorf("%d stores, want %d", len(stores), want)
		}
	}
}
