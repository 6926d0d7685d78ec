package manifest

import (
	"strconv"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/secretsync/secretsync/internal/syntax"
)

// maxCondition bounds a condition, in bytes.
const maxCondition = 1000

// when evaluates a condition over the variables. A mistake counts as true, so that
// the secret's other mistakes are found too.
func (d *document) when(f syntax.Field) bool {
	text, ok := d.word(f)
	switch {
	case !ok:
		return true
	case len(text) > maxCondition:
		d.errs.Add(f.Value.Pos, "", `"when" is longer than %d bytes`, maxCondition)
		return true
	}
	tree, err := parser.Parse(text)
	if err != nil {
		d.errs.Add(f.Value.Pos, `for example: vars.region == "eu"`, `"when" is not an expression`)
		return true
	}
	v := &varNames{document: d, pos: f.Value.Pos}
	ast.Walk(&tree.Node, v)
	if v.bad {
		return true
	}
	env := map[string]any{"vars": d.typedVars()}
	// Without its functions, the language has no loops and reads no clock.
	program, err := expr.Compile(text, expr.Env(env), expr.AsBool(), expr.DisableAllBuiltins())
	if err != nil {
		d.errs.Add(f.Value.Pos, `for example: vars.region == "eu"`, `"when" is not a condition over variables`)
		return true
	}
	result, err := expr.Run(program, env)
	wanted, isBool := result.(bool)
	if err != nil || !isBool {
		d.errs.Add(f.Value.Pos, "compare strings with strings, numbers with numbers", `"when" cannot be decided: it is neither true nor false`)
		return true
	}
	return wanted
}

// varNames finds variables that a condition names and that there are not.
type varNames struct {
	*document
	pos syntax.Pos
	bad bool
}

// Visit implements ast.Visitor.
func (v *varNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "vars" {
			v.fail("write vars."+n.Value, "unknown word %s in \"when\"", n.Value)
		}
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		name, isText := n.Property.(*ast.StringNode)
		if !isName || of.Value != "vars" || !isText {
			v.fail("", `"when" can only name variables, as vars.NAME`, "")
		} else if _, known := v.vars[name.Value]; !known {
			v.fail(syntax.DidYouMean(name.Value, sortedKeys(v.vars)), "unknown variable %s", name.Value)
		}
	}
}

func (v *varNames) fail(hint, what, word string) {
	v.bad = true
	if word == "" {
		v.errs.Add(v.pos, hint, "%s", what)
		return
	}
	v.errs.Add(v.pos, hint, what, syntax.QuoteKey(word))
}

// typedVars gives variables the kind that they have in the manifest, so that
// "when: vars.enabled" works with enabled: true.
func (d *document) typedVars() map[string]any {
	typed := map[string]any{}
	for name, text := range d.vars {
		typed[name] = text
		switch d.varKinds[name] {
		case syntax.Bool:
			if b, err := strconv.ParseBool(text); err == nil {
				typed[name] = b
			}
		case syntax.Int:
			if n, err := strconv.Atoi(text); err == nil {
				typed[name] = n
			}
		}
	}
	return typed
}
