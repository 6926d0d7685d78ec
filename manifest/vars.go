package manifest

import (
	"regexp"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// readVars reads the manifest's variables. Options.Vars go before the environment, and
// that before the manifest.
func (d *document) readVars(f syntax.Field) {
	defer d.errs.Tag(ruleVariable, len(d.errs))
	if !d.isMap(f, literalMap{{"environment", "production"}}) {
		return
	}
	if len(f.Value.Fields) > maxVars {
		d.errs.Add(f.Pos, "", "more than %d variables", maxVars)
		return
	}
	d.vars, d.varKinds = map[string]string{}, map[string]syntax.Kind{}
	for _, v := range f.Value.Fields {
		if !varName.MatchString(v.Key) {
			d.errs.Add(v.Pos, "letters, digits, _ and -, not beginning with a digit or -", "not a variable's name: %s", syntax.QuoteKey(v.Key))
			continue
		}
		switch v.Value.Kind {
		case syntax.String, syntax.Int, syntax.Bool:
			d.vars[v.Key], d.varKinds[v.Key] = v.Value.Text, v.Value.Kind
		case syntax.Float, syntax.Time:
			d.errs.Add(v.Value.Pos, "put it in quotes", "the variable %q is %s, which has more than one spelling", v.Key, v.Value.Kind)
		default:
			d.wrongKind(v, syntax.String, nil)
		}
		if text, ok := d.opts.LookupEnv("SECRETSYNC_VAR_" + strings.ToUpper(strings.ReplaceAll(v.Key, "-", "_"))); ok {
			d.vars[v.Key] = text
		}
	}
	d.overrideVars()
}

// overrideVars applies Options.Vars.
func (d *document) overrideVars() {
	defer d.errs.Tag(ruleVariable, len(d.errs))
	for _, name := range sortedKeys(d.opts.Vars) {
		if _, ok := d.vars[name]; !ok {
			d.errs.Add(Position{File: d.name}, syntax.DidYouMean(name, sortedKeys(d.vars)),
				"a value is given for the variable %s, which the manifest does not declare", syntax.QuoteKey(name))
			continue
		}
		d.vars[name] = d.opts.Vars[name]
	}
}

// The bounds of a manifest, besides those of [Options]: more than anybody needs, and small enough
// that a hostile manifest costs neither much time nor much memory.
const (
	maxVars        = 1000
	maxExpanded    = 64 << 10 // of one text
	maxExpandedAll = 16 << 20
)

// expanded returns a field's text with its ${vars.x} replaced. "$${" becomes a
// literal "${".
func (d *document) expanded(f syntax.Field) (string, bool) {
	defer d.errs.Tag(ruleVariable, len(d.errs))
	text, ok := d.text(f)
	if !ok {
		return "", false
	}
	if !strings.Contains(text, "${") { // as in nearly all
		return text, true
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		if strings.HasSuffix(before, "$") { // which is half of the escape: it stands for itself
			out.WriteString("{")
			text = rest
			continue
		}
		ref, after, closed := strings.Cut(rest, "}")
		name, isVar := strings.CutPrefix(strings.TrimSpace(ref), "vars.")
		if !closed || !isVar {
			d.errs.Add(f.Value.Pos, `write "$${" for a literal "${"`, "%s: expected ${vars.NAME} after \"${\"", syntax.QuoteKey(f.Key))
			return "", false
		}
		value, known := d.vars[name]
		if !known {
			d.errs.Add(f.Value.Pos, syntax.DidYouMean(name, sortedKeys(d.vars)), "unknown variable %s", syntax.QuoteKey(name))
			return "", false
		}
		d.expansions += len(value)
		if out.Len()+len(value) > maxExpanded || d.expansions > maxExpandedAll {
			d.errs.Add(f.Value.Pos, "shorten the variables", "%s is too long once its variables are replaced", syntax.QuoteKey(f.Key))
			return "", false
		}
		out.WriteString(value)
		text = after
	}
}
