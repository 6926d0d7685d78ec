package cloudflare

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	id() string
	valid() bool
}

// list reads all pages of a list (docs/cloudflare-api.md §10.12: by hand). A list that
// changed while it was read may lack an entry, so it is read once more.
func list[T listed](ctx context.Context, c *Client, op string, send sender) ([]T, error) {
	for reading := 1; ; reading++ {
		l := listing[T]{client: c, op: op, send: send, seen: map[string]bool{}}
		if err := l.readAll(ctx); err != nil {
			return nil, err
		}
		switch {
		case l.settled():
			return l.entries, nil
		case reading < maxReadings: // once more
		case l.stuck && len(l.entries) < l.total:
			return nil, fmt.Errorf("%s: the API tells of %d entries and gives the same %d for every page", op, l.total, len(l.entries))
		default: // it keeps changing, or counts what it doesn't list
			return l.entries, nil
		}
	}
}

// listing is one reading of a list.
type listing[T listed] struct {
	client  *Client
	op      string
	send    sender
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
	for page := 1; page <= maxPages; page++ {
		entries, total, err := l.page(ctx, page)
		if err != nil {
			return err
		}
		if l.miscounts = l.miscounts || total >= 0 && total < len(entries); l.miscounts {
			total = -1
		}
		l.moved = l.moved || page > 1 && total != l.total
		l.total = total
		before := len(l.entries)
		for _, e := range entries {
			if !l.seen[e.id()] {
				l.seen[e.id()] = true
				l.entries = append(l.entries, e)
			}
		}
		if l.total >= 0 && len(l.entries) >= l.total {
			return nil
		}
		if len(l.entries) == before {
			l.stuck = len(entries) > 0
			return nil
		}
	}
	return fmt.Errorf("%s: the list has no end: %d pages were read", l.op, maxPages)
}

// page reads one page. The oldest entries come first, so that what is created
// meanwhile comes last and moves nothing to another page.
func (l *listing[T]) page(ctx context.Context, n int) (entries []T, total int, err error) {
	err = l.client.do(ctx, &call{
		op: l.op, method: http.MethodGet,
		send: func(ctx context.Context, opts ...option.RequestOption) {
			l.send(ctx, append(opts,
				option.WithQuery("page", strconv.Itoa(n)), option.WithQuery("per_page", strconv.Itoa(pageSize)),
				option.WithQuery("order", "created"), option.WithQuery("direction", "asc"))...)
		},
		read: func(env *envelope) bool {
			entries, total = nil, -1
			if t := env.ResultInfo.TotalCount; t != nil {
				total = *t
			}
			// null is no list, unless the list is said to be empty.
			if json.Unmarshal(env.Result, &entries) != nil || entries == nil && total != 0 {
				return false
			}
			return !slices.ContainsFunc(entries, invalid[T])
		},
	})
	return entries, total, err
}

func invalid[T listed](e T) bool { return !e.valid() }
