package emulator

import (
	"cmp"
	"slices"
	"strconv"
)

// resultInfo says which part of a list the response contains.
type resultInfo struct {
	Count      int  `json:"count"`
	Page       int  `json:"page"`
	PerPage    int  `json:"per_page"`
	TotalCount int  `json:"total_count"`
	TotalPages *int `json:"total_pages,omitempty"`
}

// listing is one page of a list. info is its result_info.
type listing struct {
	items, info any
}

// paginate sorts items as the query says, newest first by default, and returns the
// requested page. It ignores invalid parameters. Under a [FaultShort], it leaves out items that
// it counts.
func paginate[T interface{ field(order string) string }](c *call, items []T) listing {
	total := len(items)
	if c.Context().Value(shortKey{}) != nil {
		items = everyOther(items)
	}
	order := c.URL.Query().Get("order")
	slices.SortFunc(items, func(x, y T) int {
		return cmp.Or(cmp.Compare(x.field(order), y.field(order)), cmp.Compare(x.field("created"), y.field("created")))
	})
	if c.descending() {
		slices.Reverse(items)
	}
	info, first, end := c.page(len(items), total)
	return listing{items[first:end], info}
}

func (c *call) descending() bool { return c.URL.Query().Get("direction") != "asc" }

// page returns where the requested page of a number of items begins and ends.
func (c *call) page(items, total int) (info resultInfo, first, end int) {
	query := c.URL.Query()
	page := positive(query.Get("page"), 1)
	perPage := min(positive(query.Get("per_page"), c.opts.DefaultPerPage), c.opts.MaxPerPage)
	info = resultInfo{Page: page, PerPage: perPage, TotalCount: total}
	pages := (items + perPage - 1) / perPage
	if c.opts.TotalPages {
		info.TotalPages = &pages
	}
	if page <= pages {
		first, end = (page-1)*perPage, min(page*perPage, items)
	}
	info.Count = end - first
	return info, first, end
}

// everyOther returns every other item, by name, without the first.
func everyOther[T interface{ field(order string) string }](items []T) []T {
	slices.SortFunc(items, func(x, y T) int { return cmp.Compare(x.field("name"), y.field("name")) })
	kept := []T{}
	for i := 1; i < len(items); i += 2 {
		kept = append(kept, items[i])
	}
	return kept
}

func positive(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}
