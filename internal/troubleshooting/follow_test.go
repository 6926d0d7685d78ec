package troubleshooting

import (
	"go/ast"
	"go/constant"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

// print records the messages that an expression can be. args are the arguments of a format.
func (x *extractor) print(to sink, e ast.Expr, args []ast.Expr) {
	for _, text := range x.follow(to, e, nil) {
		x.record(to, e, text, args)
	}
	x.insert(to, x.constant(e), args)
}

// insert records the arguments of a format that are more than names and numbers. In "%s: %w", the
// first is the operation that failed.
func (x *extractor) insert(to sink, format string, args []ast.Expr) {
	between := verb.Split(format, -1)
	for i, arg := range args {
		if i == 0 && len(between) > 1 && between[0] == "" && strings.HasPrefix(between[1], ": ") {
			continue
		}
		basic, ok := x.Info.TypeOf(arg).Underlying().(*types.Basic)
		if ok && basic.Kind() == types.String && !x.inserted[arg] {
			x.inserted[arg] = true
			to := sink{to.kind, false, true}
			for _, text := range x.follow(to, arg, nil) {
				x.record(to, arg, text, nil)
			}
		}
	}
}

// verb is a verb of package fmt.
var verb = regexp.MustCompile(`%(\[\d+\])?[-+#0]*[\d*]*(\.[\d*]+)?[sdqvwxotTcU%]`)

// quoted are placeholders in quotes, and several in a row.
var quoted = regexp.MustCompile(`["']…["']|…{2,}`)

// record records a message, unless it has no words.
func (x *extractor) record(to sink, at ast.Expr, text string, args []ast.Expr) {
	context := false
	if to.format {
		context = strings.HasSuffix(text, ": %w")
		if n := len(args); n > 0 && (strings.HasSuffix(text, ": %v") || strings.HasSuffix(text, ": %s")) {
			last := args[n-1]
			context = types.Implements(x.Info.TypeOf(last), errorType) || strings.Contains(types.ExprString(last), ".Error()")
		}
		text = formatted(text)
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
	text = quoted.ReplaceAllString(text, "…")
	if !strings.ContainsFunc(text, unicode.IsLetter) {
		return
	}
	if to.part { // a name or "a list" are no messages
		text = quoted.ReplaceAllString(formatted(text), "…")
		if words := strings.Fields(strings.ReplaceAll(text, "…", "")); len(words) > 3 {
			x.parts[text] = at
		}
		return
	}
	m := message{to.kind, text}
	if old, ok := x.found[m]; !ok || old.context && !context {
		x.found[m] = place{x.Fset.Position(at.Pos()), context}
	}
}

// formatted is a format with … for its verbs.
func formatted(format string) string {
	return verb.ReplaceAllStringFunc(format, func(v string) string {
		if v == "%%" {
			return "%"
		}
		return "…"
	})
}

// most bounds the texts that the parts of a sentence are combined to.
const most = 8

// follow returns the texts that an expression can be; of a parameter none, which is marked as printed
// instead. seen are the variables and functions being followed.
func (x *extractor) follow(to sink, e ast.Expr, seen []types.Object) []string {
	unknown := []string{"…"}
	if text, ok := x.isConstant(e); ok {
		return []string{text}
	}
	if list, ok := x.elements(e); ok {
		return x.all(to, list, seen)
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return x.follow(to, e.X, seen)
	case *ast.BinaryExpr:
		left, right := unknown, x.part(to, e.Y, seen)
		if !strings.HasPrefix(right[0], ": ") || x.constant(e.X) != "" { // else it is what was being done
			left = x.part(to, e.X, seen)
		}
		if len(left)*len(right) > most {
			left = unknown
		}
		var all []string
		for _, l := range left {
			for _, r := range right {
				all = append(all, l+r)
			}
		}
		return all
	case *ast.Ident, *ast.SelectorExpr:
		obj := x.object(e)
		if v, ok := obj.(*types.Var); ok && x.parameter(v) {
			to.part = to.part || slices.Contains(seen, nil)
			known, ok := x.params[v]
			if !ok || known.part && !to.part || known.part == to.part && known.kind != to.kind && to.kind == Error {
				x.params[v], x.changed = to, true
			}
			if to.part {
				return unknown
			}
			return nil
		}
		if slices.Contains(seen, obj) || len(x.values[obj]) == 0 {
			return unknown
		}
		return x.all(to, x.values[obj], append(seen, obj))
	case *ast.IndexExpr:
		return x.follow(to, e.X, seen)
	case *ast.SliceExpr:
		return x.follow(to, e.X, seen)
	case *resultOf:
		if call, ok := e.Expr.(*ast.CallExpr); ok {
			return x.callResult(to, call, e.index, seen)
		}
		if e.index == 0 { // as of text, ok := table[key]
			return x.follow(to, e.Expr, seen)
		}
	case *ast.CallExpr:
		return x.callResult(to, e, 0, seen)
	}
	return unknown
}

// elements are what a list or a table contains.
func (x *extractor) elements(e ast.Expr) (list []ast.Expr, ok bool) {
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil, false
	}
	if _, strct := deref(x.Info.TypeOf(lit)).Underlying().(*types.Struct); strct {
		return nil, false // declare has its fields
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		list = append(list, e)
	}
	return list, true
}

func (x *extractor) all(to sink, list []ast.Expr, seen []types.Object) (texts []string) {
	for _, e := range list {
		texts = append(texts, x.follow(to, e, seen)...)
	}
	return texts
}

// part follows a part of a sentence. A parameter is not followed to the function's callers. If the
// part can be many things, each is a message of its own.
func (x *extractor) part(to sink, e ast.Expr, seen []types.Object) []string {
	texts := x.follow(to, e, append(seen, nil))
	slices.Sort(texts)
	texts = slices.Compact(texts)
	for _, text := range texts {
		if len(texts) > most/2 {
			x.record(sink{to.kind, false, true}, e, text, nil)
		}
	}
	if len(texts) == 0 || len(texts) > most/2 {
		return []string{"…"}
	}
	return texts
}

// sameWords are functions that return their first argument in nearly the same words.
var sameWords = []string{
	sourcetest.Module + "internal/render.Safe", sourcetest.Module + "internal/render.clipped", sourcetest.Module + "internal/render.oneLine", sourcetest.Module + "internal/visible.Text",
}

// names matches functions that return the name of something, or a command, or a message that is created
// elsewhere.
var names = regexp.MustCompile(`/internal/(shell|sopstext|cmdline|render/foreign)\.|\)\.(Error|String|WithHint|line|Line|Other)$|` +
	`/internal/(render\.withHint|syntax\.QuoteKey)$`)

// callResult follows a result of a call.
func (x *extractor) callResult(to sink, call *ast.CallExpr, i int, seen []types.Object) []string {
	name := x.called(call)
	if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "append" {
		return x.all(to, call.Args, seen)
	}
	switch {
	case name == "fmt.Sprintf":
		texts := x.follow(sink{to.kind, true, to.part}, call.Args[0], seen)
		for i, text := range texts {
			texts[i] = formatted(text)
			x.insert(to, x.constant(call.Args[0]), call.Args[1:])
			if to.format {
				texts[i] = strings.ReplaceAll(texts[i], "%", "%%")
			}
		}
		return texts
	case name == "strings.Join":
		for _, text := range x.follow(sink{to.kind, false, true}, call.Args[0], append(seen, nil)) {
			x.record(sink{to.kind, false, true}, call, text, nil)
		}
		return []string{"…"}
	case name == "cmp.Or":
		return x.all(to, call.Args, seen)
	case slices.Contains(sameWords, name):
		return x.follow(to, call.Args[0], seen)
	}
	obj := x.object(call.Fun)
	f := x.funcs[obj]
	if f == nil || names.MatchString(name) || slices.Contains(seen, obj) {
		return []string{"…"}
	}
	// What a function returns that it was given is not known here.
	return x.all(to, x.returned(f, i), append(seen, obj, nil))
}

// parameter reports whether a variable is a parameter of a function that has a name.
func (x *extractor) parameter(v *types.Var) bool {
	return v.Kind() == types.ParamVar && v.Pkg() != nil && strings.HasPrefix(v.Pkg().Path()+"/", sourcetest.Module)
}

// constant is the text of a constant expression, or "".
func (x *extractor) constant(e ast.Expr) string {
	text, _ := x.isConstant(e)
	return text
}

func (x *extractor) isConstant(e ast.Expr) (string, bool) {
	v := x.Info.Types[e].Value
	if id, ok := e.(*ast.Ident); ok && v == nil {
		if c, ok := x.Info.Defs[id].(*types.Const); ok {
			v = c.Val()
		}
	}
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}
