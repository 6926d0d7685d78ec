package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ParseFault parses rules for [Options.Fault]; the first rule that matches a request
// applies. A rule is
//
//	METHOD PATH KIND[-after][=TIME] [once | COUNT]
//
// as in "POST /secrets cut-after once", "* /secrets/* 429=2s 3" or "GET /secrets lag=2s".
// TIME is the value of Retry-After, or how far a read lags. PATH is compared with the end
// of the request's path. "*" matches any method, or any part of a path, so "POST /secrets"
// does not match a duplication. KIND is a [FaultKind], and COUNT says how many requests the
// rule applies to.
func ParseFault(rules ...string) (func(*http.Request) Fault, error) {
	parsed := make([]*rule, len(rules))
	for i, text := range rules {
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", text, err)
		}
		parsed[i] = r
	}
	return func(req *http.Request) Fault {
		for _, r := range parsed {
			if r.fits(req) && (r.always || r.left.Add(-1) >= 0) {
				return r.fault
			}
		}
		return Fault{}
	}, nil
}

type rule struct {
	method string
	path   []string
	fault  Fault
	always bool
	left   atomic.Int64
}

func parseRule(text string) (*rule, error) {
	words := strings.Fields(text)
	if len(words) < 3 || len(words) > 4 {
		return nil, fmt.Errorf("it has %d words: want METHOD PATH KIND, and once or a number", len(words))
	}
	fault, err := parseKind(words[2])
	if err != nil {
		return nil, err
	}
	r := &rule{
		method: strings.ToUpper(words[0]), path: strings.Split(strings.TrimPrefix(words[1], "/"), "/"),
		fault: fault, always: len(words) == 3,
	}
	if !r.always {
		count := words[3]
		if count == "once" {
			count = "1"
		}
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is neither once nor a number of requests", words[3])
		}
		r.left.Store(n)
	}
	return r, nil
}

func parseKind(text string) (Fault, error) {
	kind, wait, waits := strings.Cut(text, "=")
	kind, after := strings.CutSuffix(kind, "-after")
	f := Fault{Kind: FaultKind(kind), After: after}
	kinds := []FaultKind{
		FaultCut, FaultReset, FaultStall, FaultInternal, FaultBadGateway, FaultUnavailable, FaultTruncated,
		FaultMalformed, FaultEmpty, FaultTooManyRequests, FaultThrottled, FaultForbidden, FaultNotFound, FaultShort, FaultLag,
	}
	if !slices.Contains(kinds, f.Kind) {
		return f, fmt.Errorf("unknown kind %q: want one of %q", kind, kinds)
	}
	if !waits {
		return f, nil
	}
	d, err := time.ParseDuration(wait)
	switch {
	case f.Kind == FaultLag && (err != nil || d <= 0):
		return f, fmt.Errorf("%q is not a time to lag behind: want 2s or 5m", wait)
	case err != nil || d <= 0:
		return f, fmt.Errorf("%q is not a time to retry after: want 2s or 5m", wait)
	case f.Kind == FaultLag:
		f.Lag = d
	default:
		f.RetryAfter = d
	}
	return f, nil
}

func (r *rule) fits(req *http.Request) bool {
	path := strings.Split(req.URL.Path, "/")
	if (r.method != "*" && r.method != req.Method) || len(path) < len(r.path) {
		return false
	}
	path = path[len(path)-len(r.path):]
	for i, want := range r.path {
		if want != "*" && want != path[i] {
			return false
		}
	}
	return true
}
