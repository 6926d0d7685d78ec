package troubleshooting

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

// part is the kind of a text that is only a part of messages, of more than one perhaps, but is long
// enough to be searched for.
const part Kind = "part"

// message is a text that the program can print, with … for what differs from time to time.
type message struct {
	kind Kind
	text string
}

// place is where a message is in the code. context says that the message may be left out of the page:
// it only says where an error came from that has an entry of its own, as in "read %s: %w".
type place struct {
	pos     token.Position
	context bool
}

// extractor finds the messages in the code: it begins where errors, hints and warnings are
// created, and follows each text back to the literals that it can be.
//
// A function that passes a parameter on to such a place is such a place itself. That way helpers such
// as syntax.ErrorList.Add are found, including ones that are yet to be written. A text that cannot be
// followed, such as a library's, becomes "…".
type extractor struct {
	*sourcetest.Source
	params map[types.Object]sink       // parameters that are printed
	values map[types.Object][]ast.Expr // what each variable and field can be
	funcs  map[types.Object]*ast.FuncDecl
	silent map[ast.Expr]bool // what sentinel errors that are never printed are created from

	inserted map[ast.Expr]bool // arguments of formats that were followed
	changed  bool              // another parameter is printed
	found    map[message]place
	parts    map[string]ast.Expr // what sentences are composed of, if it is more than names
}

// sink is where a text becomes a message.
type sink struct {
	kind   Kind
	format bool // it is a format of package fmt, whose arguments follow
	part   bool // it becomes only a part of the message
}

// extract returns the messages in the code.
func extract(s *sourcetest.Source) map[message]place {
	x := &extractor{
		Source: s, params: map[types.Object]sink{}, values: map[types.Object][]ast.Expr{},
		funcs: map[types.Object]*ast.FuncDecl{}, silent: map[ast.Expr]bool{},
	}
	x.each(x.declare)
	x.rootsExist()
	x.findSilent()
	for x.changed = true; x.changed; { // until no further parameter is printed
		x.changed, x.found, x.inserted = false, map[message]place{}, map[ast.Expr]bool{}
		x.parts = map[string]ast.Expr{}
		x.each(x.create)
	}
	// What is in a longer text is found with it.
	long := slices.SortedFunc(maps.Keys(x.parts), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, text := range long {
		pos := x.Fset.Position(x.parts[text].Pos())
		if !results.MatchString(filepath.ToSlash(pos.Filename)) && !x.has(text) {
			x.found[message{part, text}] = place{pos, false}
		}
	}
	return x.found
}

// results matches the files whose parts of sentences are not messages, but results, as a plan or an
// answer of the emulator.
var results = regexp.MustCompile("/internal/(emulator|render)/")

// rootsExist panics if a function that is named here was renamed: its messages would be missed.
func (x *extractor) rootsExist() {
	names := map[string]bool{}
	for f := range x.funcs {
		names[f.(*types.Func).FullName()] = true
	}
	for _, name := range slices.AppendSeq(slices.Concat([]string{sayName, withName}, sameWords), maps.Keys(printedResults)) {
		if !names[name] {
			panic("there is no " + name)
		}
	}
}

// has reports whether a text is a message, or some of one.
func (x *extractor) has(text string) bool {
	for m := range x.found {
		if strings.Contains(m.text, text) {
			return true
		}
	}
	return false
}

func (x *extractor) each(visit func(ast.Node)) {
	for _, pkg := range slices.Sorted(maps.Keys(x.Files)) {
		if pkg == sourcetest.Module+"internal/harden" { // main ignores its errors
			continue
		}
		for _, f := range x.Files[pkg] {
			ast.Inspect(f, func(n ast.Node) bool { visit(n); return true })
		}
	}
}

// declare records the functions, and what variables and fields can be.
func (x *extractor) declare(n ast.Node) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		x.funcs[x.Info.Defs[n.Name]] = n
	case *ast.ValueSpec:
		for i, name := range n.Names {
			x.assign(x.Info.Defs[name], i, len(n.Names), n.Values)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if n.Tok == token.ADD_ASSIGN {
				x.assign(x.object(left), 0, 1, []ast.Expr{&ast.BinaryExpr{X: left, Op: token.ADD, Y: n.Rhs[0]}})
				continue
			}
			x.assign(x.object(left), i, len(n.Lhs), n.Rhs)
		}
	case *ast.RangeStmt:
		if n.Value != nil { // one of the elements, which follow finds
			x.assign(x.object(n.Value), 0, 1, []ast.Expr{n.X})
		}
	case *ast.CompositeLit:
		strct, ok := deref(x.Info.Types[n].Type).Underlying().(*types.Struct)
		for i, e := range n.Elts {
			if kv, keyed := e.(*ast.KeyValueExpr); ok && keyed {
				x.assign(x.object(kv.Key), 0, 1, []ast.Expr{kv.Value})
			} else if ok {
				x.assign(strct.Field(i), 0, 1, []ast.Expr{e})
			}
		}
	}
}

func (x *extractor) assign(to types.Object, i, of int, values []ast.Expr) {
	switch {
	case to == nil:
	case len(values) == of:
		x.values[to] = append(x.values[to], values[i])
	case len(values) == 1:
		x.values[to] = append(x.values[to], &resultOf{values[0], i})
	}
}

// resultOf is one of the results of a call.
type resultOf struct {
	ast.Expr
	index int
}

// object is what an expression names, or nil.
func (x *extractor) object(e ast.Expr) types.Object {
	var id *ast.Ident
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	case *ast.IndexExpr: // a generic function
		return x.object(e.X)
	default:
		return nil
	}
	switch obj := x.Info.ObjectOf(id).(type) {
	case *types.Var:
		return obj.Origin()
	case *types.Func:
		return obj.Origin()
	default:
		return obj
	}
}

// findSilent finds the sentinel errors that are never printed: they are only compared, or the kind
// of a mistake, which has words of its own.
func (x *extractor) findSilent() {
	quiet := map[*ast.Ident]bool{}
	mark := func(e ast.Expr) {
		switch e := ast.Unparen(e).(type) {
		case *ast.Ident:
			quiet[e] = true
		case *ast.SelectorExpr:
			quiet[e.Sel] = true
		}
	}
	x.each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if x.called(n) == "errors.Is" {
				mark(n.Args[1])
			}
		case *ast.BinaryExpr:
			mark(n.X)
			mark(n.Y)
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(id.Name, "kind") {
				mark(n.Value)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok && strings.EqualFold(sel.Sel.Name, "kind") && len(n.Rhs) == len(n.Lhs) {
					mark(n.Rhs[i])
				}
			}
		}
	})
	printed := map[types.Object]bool{}
	for id, obj := range x.Info.Uses {
		if !quiet[id] {
			printed[obj] = true
		}
	}
	for obj, values := range x.values {
		if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() && !printed[obj] {
			for _, e := range values {
				x.silent[e] = true
			}
		}
	}
}
