package manifest

import (
	"regexp"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/internal/generate"
	"github.com/secretsync/secretsync/internal/syntax"
)

// generate reads what value to generate.
func (d *document) generate(f syntax.Field) Source {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	s := Source{Kind: SourceGenerate, Pos: f.Pos}
	if !d.isMap(f, sampleGenerate) {
		return s
	}
	before := len(d.errs)
	d.object(f.Value,
		key{"bytes", func(f syntax.Field) { s.Generate.Bytes, _ = d.count(f, 32) }},
		key{"length", func(f syntax.Field) { s.Generate.Length, _ = d.count(f, 32) }},
		key{"encoding", func(f syntax.Field) {
			text, _ := d.word(f)
			s.Generate.Encoding = generate.Encoding(text)
		}},
	)
	if len(d.errs) > before {
		return s
	}
	if err := s.Generate.Check(); err != nil {
		d.errs.Add(f.Pos, d.forExample(f.Key, sampleGenerate), `"generate": %s`, err)
	}
	return s
}

// external reads that the value comes from elsewhere: nothing is written to the secret.
func (d *document) external(f syntax.Field, n *syntax.Node, sec *Secret) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	if !d.is(f, syntax.Bool, nil) {
		return
	}
	if f.Value.Text != "true" {
		d.errs.Add(f.Value.Pos, "leave it out", `"external" can only be true`)
		return
	}
	sec.External = true
	for _, other := range []string{"adopt", "renamed_from", "rotate_after", "rotate"} {
		if n.Get(other) != nil {
			d.errs.Add(f.Pos, "", `"external" and %q exclude each other: an external secret is never written`, other)
		}
	}
}

// PreviousSuffix ends the name of the secret that keeps the value which another one had before.
const PreviousSuffix = "-previous"

// rotate reads how long the value that a new one replaces stays readable.
func (d *document) rotate(f syntax.Field) (overlap time.Duration) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	if !d.isMap(f, sampleRotate) {
		return 0
	}
	if len(f.Value.Fields) == 0 {
		d.errs.Add(f.Pos, d.forExample(f.Key, sampleRotate), `"rotate" is empty`)
	}
	d.object(f.Value, key{"overlap", func(f syntax.Field) { overlap = d.age(f) }})
	return overlap
}

// checkPrevious reports secrets that have, or had before a rename, the name under which another
// secret keeps its previous value.
func (l *loader) checkPrevious(stores []Store, taken map[place]Position) {
	kept := map[place]string{}
	for _, s := range stores {
		for _, sec := range s.Secrets {
			if sec.Previous == "" {
				continue
			}
			at := place{s.AccountID, s.Name, sec.Previous}
			kept[at] = sec.Label
			if pos, described := taken[at]; described {
				l.errs.Add(sec.Pos, "described at "+pos.String(), "%s would keep its previous value as %q, but another secret has that name",
					syntax.QuoteKey(sec.Label), sec.Previous)
			}
		}
	}
	for _, s := range stores {
		for _, sec := range s.Secrets {
			if of, ok := kept[place{s.AccountID, s.Name, sec.RenamedFrom}]; ok && sec.RenamedFrom != "" {
				l.errs.Add(sec.Pos, "", "%s cannot be renamed from %q, under which %s keeps its previous value",
					syntax.QuoteKey(sec.Label), sec.RenamedFrom, syntax.QuoteKey(of))
			}
		}
	}
}

var ageForm = regexp.MustCompile(`^([1-9][0-9]{0,4})([hdw])$`)

// age reads a time span such as 90d.
func (d *document) age(f syntax.Field) time.Duration {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	m := ageForm.FindStringSubmatch(f.Value.Text)
	if f.Value.Kind == syntax.Refused {
		return 0
	}
	if m == nil || f.Value.Kind != syntax.String {
		d.errs.Add(f.Value.Pos, d.forExample(f.Key, "90d"),
			`%s must be a number of hours, days or weeks: "12h", "90d" or "8w"`, syntax.QuoteKey(f.Key))
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	return time.Duration(n) * map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
}
