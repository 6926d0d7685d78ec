package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	defer d.errs.Tag(ruleCondition, len(d.errs))
	text, ok := d.word(f)
	switch {
	case !ok:
		return true
	case len(text) > maxCondition:
		d.errs.Add(f.Value.Pos, "", `"when" is longer than %d bytes`, maxCondition)
		return true
	}
	if known, decided := d.conditions[text]; decided {
		return known
	}
	wanted, decided := d.decide(f.Value.Pos, text)
	if decided {
		d.conditions[text] = wanted
	}
	return wanted || !decided
}

// decide evaluates a condition, once it is known to be nothing but comparisons of
// variables: the rest of the language could take any time and memory.
func (d *document) decide(at Position, text string) (wanted, ok bool) {
	tree, err := parser.Parse(text)
	if err != nil {
		d.errs.Add(at, `for example: vars.region == "eu"`, `"when" is not an expression`)
		return false, false
	}
	v := &varNames{document: d, pos: at}
	ast.Walk(&tree.Node, v)
	if v.bad {
		return false, false
	}
	if d.typed == nil {
		d.typed = d.typedVars()
	}
	env := map[string]any{"vars": d.typed}
	program, err := expr.Compile(text, expr.Env(env), expr.AsBool(), expr.DisableAllBuiltins())
	if err != nil {
		d.errs.Add(at, `for example: vars.region == "eu"`, `"when" is not a condition over variables`)
		return false, false
	}
	result, err := expr.Run(program, env)
	wanted, isBool := result.(bool)
	if err != nil || !isBool {
		d.errs.Add(at, "compare strings with strings, numbers with numbers", `"when" cannot be decided: it is neither true nor false`)
		return false, false
	}
	return wanted, true
}

// operators are the operators that a condition may have: none of them builds a list, a text or a
// search that is larger than the manifest.
var operators = []string{
	"not", "!", "or", "||", "and", "&&", "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith",
	"+", "-", "*", "/", "%", "??",
}

// varNames finds undefined variables in a condition, and everything that is not a
// comparison of variables.
type varNames struct {
	*document
	pos Position
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
		v.member(n)
	case *ast.UnaryNode:
		v.operator(n.Operator)
	case *ast.BinaryNode:
		v.operator(n.Operator)
	case *ast.StringNode:
		v.text(n.Value)
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.ArrayNode, *ast.ChainNode, *ast.ConditionalNode:
	default:
		v.fail(onlyCompare, `"when" can only compare variables: no functions, slices, maps or declarations`, "")
	}
}

const onlyCompare = "==, !=, <, >, in, contains, startsWith and endsWith compare"

func (v *varNames) operator(op string) {
	if !slices.Contains(operators, op) {
		v.fail(onlyCompare, fmt.Sprintf(`"when" cannot have the operator %q`, op), "")
	}
}

// text refuses a text that looks like a variable: it would be compared as plain text.
func (v *varNames) text(s string) {
	_, name, found := strings.Cut(s, "${")
	if !found {
		return
	}
	if name, _, found = strings.Cut(name, "}"); !found || name == "" {
		name = "NAME"
	}
	v.fail("write vars."+name+", without quotes", `no ${...} is replaced in "when"`, "")
}

func (v *varNames) member(n *ast.MemberNode) {
	of, isName := n.Node.(*ast.IdentifierNode)
	name, isText := n.Property.(*ast.StringNode)
	if !isName || of.Value != "vars" || !isText {
		v.fail("", `"when" can only name variables, as vars.NAME`, "")
		return
	}
	value, known := v.vars[name.Value]
	if !known {
		v.fail(syntax.DidYouMean(name.Value, sortedKeys(v.vars)), "unknown variable %s", name.Value)
		return
	}
	if v.expansions += len(value); v.expansions > maxExpandedAll {
		v.fail("shorten the variables", `the variables in "when" are too long`, "")
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
