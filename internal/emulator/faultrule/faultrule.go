// Package faultrule parses rules that say which requests to the emulator fail, and how.
package faultrule

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

// Parse parses rules for [emulator.Options.Fault]; the first rule that matches a request
// applies. A rule is
//
//	METHOD PATH KIND[-after][=TIME] [once | COUNT]
//
// as in "POST /secrets cut-after once", "* /secrets/* 429=2s 3" or "GET /secrets lag=2s".
// TIME is the value of Retry-After, or how far a read lags. PATH is compared with the end
// of the request's path. "*" matches any method, or any part of a path, so "POST /secrets"
// does not match a duplication. KIND is an [emulator.FaultKind], and COUNT says how many
// requests the rule applies to.
func Parse(rules ...string) (func(*http.Request) emulator.Fault, error) {
	parsed := make([]*rule, len(rules))
	for i, text := range rules {
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", text, err)
		}
		parsed[i] = r
	}
	return func(req *http.Request) emulator.Fault {
		for _, r := range parsed {
			if r.fits(req) && (r.always || r.left.Add(-1) >= 0) {
				return r.fault
			}
		}
		return emulator.Fault{}
	}, nil
}

type rule struct {
	method string
	path   []string
	fault  emulator.Fault
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

func parseKind(text string) (emulator.Fault, error) {
	kind, wait, waits := strings.Cut(text, "=")
	kind, after := strings.CutSuffix(kind, "-after")
	f := emulator.Fault{Kind: emulator.FaultKind(kind), After: after}
	kinds := []emulator.FaultKind{
		emulator.FaultCut, emulator.FaultReset, emulator.FaultStall, emulator.FaultInternal, emulator.FaultBadGateway,
		emulator.FaultUnavailable, emulator.FaultTruncated, emulator.FaultMalformed, emulator.FaultEmpty,
		emulator.FaultTooManyRequests, emulator.FaultThrottled, emulator.FaultForbidden, emulator.FaultNotFound,
		emulator.FaultShort, emulator.FaultLag,
	}
	if !slices.Contains(kinds, f.Kind) {
		return f, fmt.Errorf("unknown kind %q: want one of %q", kind, kinds)
	}
	if !waits {
		return f, nil
	}
	d, err := time.ParseDuration(wait)
	switch {
	case f.Kind == emulator.FaultLag && (err != nil || d <= 0):
		return f, fmt.Errorf("%q is not a time to lag behind: want 2s or 5m", wait)
	case err != nil || d <= 0:
		return f, fmt.Errorf("%q is not a time to retry after: want 2s or 5m", wait)
	case f.Kind == emulator.FaultLag:
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
