package cloudflare

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/secretsync/secretsync/applier"
	"golang.org/x/sync/errgroup"
)

const (
	pageSize = 100 // the most the API grants (docs/cloudflare-api.md §2)
	// maxPages bounds the pages that are read from a broken server: enough for the secrets that a
	// manifest may describe by default, even in pages of 20.
	maxPages = 10_000
	// maxReadings bounds how often a list that changes meanwhile is read.
	maxReadings = 2
	// maxWave bounds how many pages are requested at once: a broken server may count more than
	// it has.
	maxWave = 32
)

// listed is an entry of a list.
type listed interface {
	result
	id() string
}

// lister builds the request for a page of a list.
type lister func(page ...option.RequestOption) *request

// list reads all pages of a list, without the SDK's pager (docs/cloudflare-api.md §10.12). A
// list that changed while it was read, or whose length differs from its total, may lack an entry,
// so it is read once more. If that does not help, the entries come with [applier.ErrIncomplete].
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
		case l.total < 0: // without a count, it was read to its end
			return l.entries, nil
		case l.total == len(l.entries):
			return l.entries, fmt.Errorf("%s: the list changed each time while it was read: %w", l.op, applier.ErrIncomplete)
		default:
			return l.entries, fmt.Errorf("%s: the API counts %d entries and lists %d: %w", l.op, l.total, len(l.entries), applier.ErrIncomplete)
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
	size    int  // entries of the first page
	total   int  // by the last page; negative if unknown
	moved   bool // total changed from page to page
	// miscounts says that a page had more entries than the total.
	miscounts bool
}

func (l *listing[T]) settled() bool {
	return !l.moved && (l.total < 0 || l.total == len(l.entries))
}

// readAll reads pages until it has the total number of entries, or pages have no new one. After
// the first page, all that the total promises are requested at once. A server may cap the page
// size, omit total_count or ignore the page parameter, and Cloudflare sends no total_pages.
func (l *listing[T]) readAll(ctx context.Context) error {
	for n, wave := 1, 1; n <= maxPages; n, wave = n+wave, l.missing() {
		pages := make([]listPage[T], min(wave, maxPages+1-n))
		g, gctx := errgroup.WithContext(ctx)
		for i := range pages {
			g.Go(func() (err error) {
				pages[i], err = l.page(gctx, n+i)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		before := len(l.entries)
		for i, p := range pages {
			l.add(p, n+i)
		}
		if l.total >= 0 && len(l.entries) >= l.total || len(l.entries) == before {
			return nil
		}
	}
	return fmt.Errorf("%s: the list did not end after %d pages", l.op, maxPages)
}

// add adds the new entries of the n-th page.
func (l *listing[T]) add(p listPage[T], n int) {
	if n == 1 {
		l.size = len(p.entries)
	}
	if l.miscounts = l.miscounts || p.total >= 0 && p.total < len(p.entries); l.miscounts {
		p.total = -1
	}
	l.moved = l.moved || n > 1 && p.total != l.total
	l.total = p.total
	for _, e := range p.entries {
		if !l.seen[e.id()] {
			l.seen[e.id()] = true
			l.entries = append(l.entries, e)
		}
	}
}

// missing is how many pages to request next. Without a total it is one after the other.
func (l *listing[T]) missing() int {
	if l.total < 0 {
		return 1
	}
	return min((l.total-len(l.entries)+l.size-1)/l.size, maxWave)
}

// page reads one page. The oldest entries come first, so that an entry created meanwhile
// comes last and moves no other to another page.
func (l *listing[T]) page(ctx context.Context, n int) (listPage[T], error) {
	r := l.build(option.WithQuery("page", strconv.Itoa(n)), option.WithQuery("per_page", strconv.Itoa(pageSize)),
		option.WithQuery("order", "created"), option.WithQuery("direction", "asc"))
	return send(ctx, l.client, r, readPage[T])
}

// listPage is a page of a list.
type listPage[T listed] struct {
	entries []T
	total   int // how many entries the whole list has; -1 if the answer does not say
}

func readPage[T listed](env *envelope) (listPage[T], bool) {
	p := listPage[T]{total: -1}
	if t := env.ResultInfo.total; t != nil {
		p.total = *t
	}
	// null is not a list, unless the answer says that the list is empty.
	if json.Unmarshal(env.Result, &p.entries) != nil || p.entries == nil && p.total != 0 {
		return p, false
	}
	return p, !slices.ContainsFunc(p.entries, invalid[T])
}

func invalid[T listed](e T) bool { return !e.valid() }
