package cloudflare

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/cloudflare/cloudflare-go/v4/option"
)

const (
	pageSize = 100 // the most the API grants (docs/cloudflare-api.md §2)
	// maxPages ends a list that a broken server never would.
	maxPages = 1000
	// maxReadings bounds how often a list that changes meanwhile is read.
	maxReadings = 2
)

// listed is an entry of a list.
type listed interface {
	result
	id() string
}

// lister builds the request for a page of a list.
type lister func(page ...option.RequestOption) *request

// list reads all pages of a list (docs/cloudflare-api.md §10.12: by hand). A list that
// changed while it was read may lack an entry, so it is read once more.
func list[T listed](ctx context.Context, c *Client, op string, build lister) ([]T, error) {
	for reading := 1; ; reading++ {
		l := listing[T]{client: c, op: op, build: build, seen: map[string]bool{}}
		if err := l.readAll(ctx); err != nil {
			return nil, err
		}
		switch {
		case l.settled():
			return l.entries, nil
		case reading < maxReadings: // once more
		case l.stuck && len(l.entries) < l.total:
			return nil, fmt.Errorf("%s: the API tells of %d entries and gives the same %d for every page", l.op, l.total, len(l.entries))
		default: // it keeps changing, or counts what it doesn't list
			return l.entries, nil
		}
	}
}

// listing is one reading of a list.
type listing[T listed] struct {
	client  *Client
	op      string
	build   lister
	entries []T
	seen    map[string]bool
	total   int  // as the last page tells it; unknown if negative
	moved   bool // total changed from page to page
	// miscounts says that a page held more entries than the whole list is said to have.
	miscounts bool
	stuck     bool // a page held nothing new
}

func (l *listing[T]) settled() bool {
	return !l.moved && (l.total < 0 || l.total == len(l.entries))
}

// readAll ends when as many entries are there as the API tells of, or when a page
// brings none that is new: a server may cap the page size, leave out total_count
// or ignore the page asked for, and total_pages never comes.
func (l *listing[T]) readAll(ctx context.Context) error {
	for n := 1; n <= maxPages; n++ {
		p, err := l.page(ctx, n)
		if err != nil {
			return err
		}
		if l.miscounts = l.miscounts || p.total >= 0 && p.total < len(p.entries); l.miscounts {
			p.total = -1
		}
		l.moved = l.moved || n > 1 && p.total != l.total
		l.total = p.total
		before := len(l.entries)
		for _, e := range p.entries {
			if !l.seen[e.id()] {
				l.seen[e.id()] = true
				l.entries = append(l.entries, e)
			}
		}
		if l.total >= 0 && len(l.entries) >= l.total {
			return nil
		}
		if len(l.entries) == before {
			l.stuck = len(p.entries) > 0
			return nil
		}
	}
	return fmt.Errorf("%s: the list has no end: %d pages were read", l.op, maxPages)
}

// page reads one page. The oldest entries come first, so that what is created
// meanwhile comes last and moves nothing to another page.
func (l *listing[T]) page(ctx context.Context, n int) (listPage[T], error) {
	r := l.build(option.WithQuery("page", strconv.Itoa(n)), option.WithQuery("per_page", strconv.Itoa(pageSize)),
		option.WithQuery("order", "created"), option.WithQuery("direction", "asc"))
	return send(ctx, l.client, r, readPage[T])
}

// listPage is a page of a list.
type listPage[T listed] struct {
	entries []T
	total   int // how many entries the whole list is said to have; -1 if nothing is said
}

func readPage[T listed](env *envelope) (listPage[T], bool) {
	p := listPage[T]{total: -1}
	if t := env.ResultInfo.TotalCount; t != nil {
		p.total = *t
	}
	// null is no list, unless the list is said to be empty.
	if json.Unmarshal(env.Result, &p.entries) != nil || p.entries == nil && p.total != 0 {
		return p, false
	}
	return p, !slices.ContainsFunc(p.entries, invalid[T])
}

func invalid[T listed](e T) bool { return !e.valid() }
