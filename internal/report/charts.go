package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/planner"
)

const (
	readerDispatched = planner.ReaderDispatched
	readerGateway    = planner.ReaderGateway
	readerRegistry   = planner.ReaderRegistry
)

// stateBadge is the badge of a state.
func stateBadge(state State) badge {
	for _, s := range states {
		if s.state == state {
			return badge{string(s.state), s.words, s.tone}
		}
	}
	return badge{string(state), string(state), toneQuiet}
}

// counting counts the secrets for which a condition holds.
func (r *Report) counting(holds func(*Secret) bool) int {
	n := 0
	for i := range r.Secrets {
		if holds(&r.Secrets[i]) {
			n++
		}
	}
	return n
}

// tiles are the numbers at the top.
func (b *builder) tiles() []tile {
	r := b.report
	all := []tile{{len(r.Secrets), "secrets in " + count(len(r.Stores), "store"), toneQuiet}}
	add := func(words string, alarm tone, holds func(*Secret) bool) {
		n := r.counting(holds)
		if n == 0 {
			alarm = toneQuiet
		}
		all = append(all, tile{n, words, alarm})
	}
	add("drifted, missing or interrupted", toneBad, func(s *Secret) bool { return stateBadge(s.State).Tone == toneBad })
	add("overdue for rotation", toneWarn, func(s *Secret) bool { return s.Overdue })
	add("due within 30 days", toneInfo, func(s *Secret) bool {
		return s.Due != nil && !s.Overdue && s.Due.Sub(r.Time) <= 30*day
	})
	add("without a reader found", toneInfo, func(s *Secret) bool { return len(s.Readers) == 0 })
	if r.Asked.Verify {
		add("values verified", toneGood, func(s *Secret) bool { return s.Value == ValueVerified })
	}
	return all
}

// charts are the ages of values, and when they are due.
func (b *builder) charts() []chart {
	return []chart{
		b.chart("age", "Age of values, since they were last sent", "Age", ages, (*Secret).age),
		b.chart("due", "Rotations due", "Due", dues, (*Secret).dueIn),
	}
}

func (b *builder) chart(key, title, column string, buckets []bucket, of func(*Secret, time.Time) bucket) chart {
	c := chart{Key: key, Title: title, Column: column}
	most := 1
	counts := map[string]int{}
	for i := range b.report.Secrets {
		k := of(&b.report.Secrets[i], b.report.Time).key
		counts[k]++
		most = max(most, counts[k])
	}
	for _, x := range buckets {
		n := counts[x.key]
		c.Bars = append(c.Bars, bar{
			Key: x.key, Words: x.words, Tone: x.tone, Count: n, Percent: percent(n, most),
			Share: percent(n, max(1, len(b.report.Secrets))) + " percent of all",
		})
	}
	return c
}

// percent is n of all with one digit after the point, if that is not 0.
func percent(n, all int) string {
	return strconv.FormatFloat(math.Round(1000*float64(n)/float64(all))/10, 'f', -1, 64)
}

type sourceWords struct{ key, words string }

// sourceKinds are the kinds of sources, and the words for them.
var sourceKinds = []sourceWords{
	{"sops", "SOPS file"}, {"env", "environment"}, {"file", "file"}, {"command", "command"}, {"generate", "generated"},
	{"inline", "in the manifest"}, {"none", "none"},
}

// sourceKey is what a filter finds a source by.
func sourceKey(s *Secret) string { return cmp.Or(s.SourceKind, "none") }

// storeKey distinguishes stores, even stores of one name in several accounts.
func (b *builder) storeKey(s *Secret) string {
	return strconv.Itoa(slices.IndexFunc(b.report.Stores, func(st Store) bool {
		return st.AccountID == s.AccountID && st.Store == s.Store
	}))
}

// filters returns the choices for filtering rows, without choices that match no row.
func (b *builder) filters(rows []row) []choices {
	var all []choices
	add := func(key, label string, of func(row) string, options []bar) {
		counts := map[string]int{}
		for _, r := range rows {
			counts[of(r)]++
		}
		f := choices{Key: key, Label: label}
		for _, o := range options {
			if o.Count = counts[o.Key]; o.Count > 0 {
				f.Choices = append(f.Choices, o)
			}
		}
		all = append(all, f)
	}
	option := func(key, words string) bar { return bar{Key: key, Words: words} }
	var options []bar
	for _, s := range states {
		options = append(options, option(string(s.state), s.words))
	}
	add("state", "State", func(r row) string { return r.State.Key }, options)
	options = nil
	for _, v := range valueOrder {
		options = append(options, option(string(v), values[v].words))
	}
	add("known", "Value", func(r row) string { return r.Value.Key }, options)
	add("age", "Age", func(r row) string { return r.Age }, bucketOptions(ages))
	add("due", "Next due", func(r row) string { return r.Due }, bucketOptions(dues))
	options = nil
	for _, k := range sourceKinds {
		options = append(options, option(k.key, k.words))
	}
	add("source", "Source", func(r row) string { return r.SourceKind }, options)
	add("read", "Readers", func(r row) string { return r.Read }, []bar{option("yes", "some found"), option("no", "none found")})
	if len(b.report.Stores) > 1 {
		options = nil
		for i, st := range b.report.Stores {
			words := b.show(st.Store)
			if slices.ContainsFunc(b.report.Stores, func(x Store) bool { return x.Store == st.Store && x.AccountID != st.AccountID }) {
				words += " of " + b.show(st.AccountID)
			}
			options = append(options, option(strconv.Itoa(i), words))
		}
		add("store", "Store", func(r row) string { return r.StoreKey }, options)
	}
	return all
}

func bucketOptions(buckets []bucket) []bar {
	var options []bar
	for _, x := range buckets {
		options = append(options, bar{Key: x.key, Words: x.words})
	}
	return options
}

// never is later than all times, and a number that JavaScript can represent.
const never = int64(1) << 50

// sortKeys are numbers to sort the rows by, so that the script does not have to compare text.
func (b *builder) sortKeys(i int) map[string]int64 {
	s := &b.report.Secrets[i]
	keys := map[string]int64{"name": int64(i), "readers": int64(len(s.Readers)), "age": never, "due": never}
	keys["state"] = int64(slices.IndexFunc(states, func(x stateWords) bool { return x.state == s.State }))
	keys["source"] = int64(slices.IndexFunc(sourceKinds, func(k sourceWords) bool { return k.key == sourceKey(s) }))
	if s.Applied != nil {
		keys["age"] = s.Applied.Unix()
	}
	if s.Due != nil {
		keys["due"] = s.Due.Unix()
	} else if s.Overdue {
		keys["due"] = 0
	}
	return keys
}

// unknown lists what the page assumes, and what could not be read.
func (b *builder) unknown() []string {
	r := b.report
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, st := range r.Stores {
		switch {
		case st.State == StoreUnread:
			add("The account of the store %s could not be read: its secrets are shown as the lockfile and the manifest have them.", b.show(st.Store))
		case st.Incomplete:
			add("Cloudflare's list of the store %s was incomplete: it may have more secrets.", b.show(st.Store))
		}
	}
	for _, file := range r.UnreadConfigs {
		add("The bindings in %s could not be read, so readers may be missing.", b.show(file))
	}
	for _, id := range r.UnreadReaders {
		add("Not everything that is deployed in the account %s could be read, so readers may be missing.", b.show(id))
	}
	if n := r.counting(func(s *Secret) bool { return s.Value == ValueAssumed }); n > 0 {
		why := "report --verify has a Worker compare them."
		if r.Asked.Verify {
			why = "they could not be verified."
		}
		add("%s assumed to be what was applied, because Cloudflare shows no later write: %s", are(n, "value"), why)
	}
	if n := r.counting(func(s *Secret) bool { return s.Value == ValueMayDiffer }); n > 0 && !r.Asked.Verify {
		add("Values that were changed outside may be the same as before, or others: report --verify has a Worker compare them.")
	}
	if !r.Asked.Who {
		add("Who made changes outside was not looked up: report --who does.")
	}
	if !r.Asked.LiveBindings {
		add("Readers are the Workers that the wrangler configurations of the manifest describe. What is deployed was not looked up: report --live-bindings does.")
	}
	if n := r.counting(func(s *Secret) bool { return s.Applied == nil && s.Value != ValueNone }); n > 0 {
		add("%s of an age that is not known, because secretsync did not send the value.", are(n, "value"))
	}
	return all
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}
