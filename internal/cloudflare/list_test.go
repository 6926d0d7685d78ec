package cloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/secretsync/secretsync/applier"
)

// pager is a server with n secrets and a configurable pagination.
type pager struct {
	n          int
	limit      int  // of a page's size
	noTotal    bool // leaves total_count out
	totalPages bool // reports total_pages, wrongly
	ignorePage bool
	total      int             // reports this total, if not 0
	before     func(n int) int // changes the number of secrets before a request
}

func (p *pager) script() *script {
	return &script{answer: func(n int, r *http.Request) (*http.Response, error) {
		p := *p // pages are requested side by side
		if p.before != nil {
			p.n = p.before(n)
		}
		q := r.URL.Query()
		size, _ := strconv.Atoi(q.Get("per_page"))
		page, _ := strconv.Atoi(q.Get("page"))
		if size = min(size, p.limit); p.ignorePage {
			page = 1
		}
		var items []string
		for i := (page - 1) * size; i < min(page*size, p.n); i++ {
			items = append(items, secretJSON(fmt.Sprintf("%032d", i), fmt.Sprintf("s%03d", i)))
		}
		info := map[string]int{"page": page, "per_page": size, "count": len(items), "total_count": p.n}
		if p.total != 0 {
			info["total_count"] = p.total
		}
		if p.noTotal {
			delete(info, "total_count")
		}
		if p.totalPages {
			info["total_pages"] = 1
		}
		text, _ := json.Marshal(info)
		return ok("[" + strings.Join(items, ",") + `],"result_info":` + string(text)).to(r)
	}}
}

// A list whose length equals its total costs one request per page. Other lists are read until a
// page adds nothing, and twice if they may be incomplete.
func TestPaging(t *testing.T) {
	tests := []struct {
		name     string
		pager    pager
		want     int
		requests int
		short    string // the error of a list that is known to be incomplete
	}{
		{"none", pager{n: 0, limit: 100}, 0, 1, ""},
		{"none, no total", pager{n: 0, limit: 100, noTotal: true}, 0, 1, ""},
		{"a full page is one request", pager{n: 100, limit: 100}, 100, 1, ""},
		{"250", pager{n: 250, limit: 100}, 250, 3, ""},
		{"250 capped at 50", pager{n: 250, limit: 50}, 250, 5, ""},
		{"250 capped at 20", pager{n: 250, limit: 20}, 250, 13, ""},
		{"no total", pager{n: 250, limit: 100, noTotal: true}, 250, 4, ""},
		{"no total, capped", pager{n: 30, limit: 20, noTotal: true}, 30, 3, ""},
		{"a wrong total_pages alone", pager{n: 250, limit: 100, noTotal: true, totalPages: true}, 250, 4, ""},
		{"ignores page, fits", pager{n: 3, limit: 100, ignorePage: true}, 3, 1, ""},
		{"ignores page, no total", pager{n: 3, limit: 100, ignorePage: true, noTotal: true}, 3, 2, ""},
		{"counts what it doesn't list", pager{n: 3, limit: 100, total: 5}, 3, 4, "the API counts 5 entries and lists 3"},
		{"lists more than it counts", pager{n: 3, limit: 100, total: 2}, 3, 2, ""},
		{"lists more than it counts, capped", pager{n: 7, limit: 3, total: 2}, 7, 4, ""},
		{"counts more than it lists, once", pager{n: 4, limit: 100, total: 5, before: func(n int) int { return 4 + n/2 }}, 5, 3, ""},
		{"lists more than it counts, in pages", pager{n: 100, limit: 50, total: 60}, 100, 4, "the API counts 60 entries and lists 100"},
		{"ignores page, and lists a part", pager{n: 250, limit: 100, ignorePage: true}, 100, 6, "the API counts 250 entries and lists 100"},
		{"one deleted on the way, twice", pager{limit: 100, before: func(n int) int { return 250 - (n+2)/3 }}, 248, 6, "the list changed each time while it was read"},
		{"one deleted on the way", pager{limit: 100, before: func(n int) int { return 250 - min(n, 1) }}, 249, 6, ""},
		{"one created on the way", pager{limit: 100, before: func(n int) int { return 250 + min(n, 1) }}, 251, 6, ""},
		{"all deleted on the way", pager{limit: 100, before: func(n int) int { return 250 * max(0, 1-n) }}, 0, 4, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.pager.script()
			got, err := newClient(t, s).ListSecrets(t.Context(), storeID)
			if tt.short == "" && err != nil || tt.short != "" && (!errors.Is(err, applier.ErrIncomplete) || !strings.Contains(err.Error(), ": "+tt.short+": ")) {
				t.Fatalf("the error is %v", err)
			}
			if len(got) != tt.want || len(s.sent) != tt.requests {
				t.Errorf("%d secrets in %d requests, want %d in %d", len(got), len(s.sent), tt.want, tt.requests)
			}
			names := make([]string, len(got))
			for i, l := range got {
				names[i] = l.Name
			}
			slices.Sort(names)
			if len(slices.Compact(names)) != len(got) {
				t.Error("a secret came twice")
			}
		})
	}
}

func TestPageQuery(t *testing.T) {
	s := (&pager{n: 150, limit: 100}).script()
	if _, err := newClient(t, s).ListSecrets(t.Context(), storeID); err != nil {
		t.Fatal(err)
	}
	for i, r := range s.sent {
		want := url.Values{"page": {strconv.Itoa(i + 1)}, "per_page": {"100"}, "order": {"created"}, "direction": {"asc"}}.Encode()
		if r.query != want {
			t.Errorf("query %s, want %s", r.query, want)
		}
	}
}

// TestEndlessListEnds: the requests are more than the rate limit allows, so the clock is faked.
func TestEndlessListEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := (&pager{n: 1 << 30, limit: 1, noTotal: true}).script()
		if _, err := newClient(t, s).ListSecrets(t.Context(), storeID); err == nil || len(s.sent) != maxPages {
			t.Errorf("%d requests, error %v", len(s.sent), err)
		}
	})
}

// TestLongList: a store may have as many secrets as a manifest may describe.
func TestLongList(t *testing.T) {
	const secrets = 100_001
	synctest.Test(t, func(t *testing.T) {
		s := (&pager{n: secrets, limit: 100}).script()
		got, err := newClient(t, s).ListSecrets(t.Context(), storeID)
		if err != nil || len(got) != secrets || len(s.sent) != 1001 {
			t.Errorf("%d secrets in %d requests, error %v", len(got), len(s.sent), err)
		}
	})
}

// TestNullIsNoList: an answer without its list is not an empty list.
func TestNullIsNoList(t *testing.T) {
	for info, want := range map[string]bool{``: false, `,"result_info":{"total_count":2}`: false, `,"result_info":{"total_count":0}`: true} {
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"success":true,"errors":[],"messages":[],"result":null` + info + `}`)), Request: r, Header: http.Header{}}, nil
		}}
		synctest.Test(t, func(t *testing.T) { // the request is retried after pauses
			got, err := newClient(t, s).ListSecrets(t.Context(), storeID)
			if (err == nil) != want || len(got) != 0 {
				t.Errorf("null%s: %v, %v", info, got, err)
			}
		})
	}
}
