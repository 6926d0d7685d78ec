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
// A function that passes a parameter on to such a place is one itself: helpers such as
// syntax.ErrorList.Add are found that way, and so are those that are yet to be written. What cannot
// be followed, such as a text from a library, becomes "…".
type extractor struct {
	*source
	params map[types.Object]sink       // parameters that are printed
	values map[types.Object][]ast.Expr // what each variable and field can be
	funcs  map[types.Object]*ast.FuncDecl
	silent map[ast.Expr]bool // what sentinel errors that are never printed are created from

	inserted map[ast.Expr]bool // arguments of formats that were followed
	changed  bool              // another parameter is printed
	found    map[message]place
	parts    map[string]ast.Expr // what sentences are composed of, if it is more than names
}

// sink is where a text becomes a message. format says that it is a format of package fmt.
type sink struct {
	kind   Kind
	format bool
	part   bool
}

// printedResults are functions whose results are printed: of each, what.
var printedResults = map[string][]Kind{
	"(*" + module + "internal/advice.Adviser).For": {Hint},
	module + "internal/render.Problem":             {Error, Hint},
}

// The functions that print a hint, and a line.
const (
	withName = module + "internal/hint.With"
	sayName  = "(*" + module + "internal/cli.App).Say"
)

// printedFields are structs whose fields What and Hint are printed.
var printedFields = []string{module + "internal/syntax.Error"}

// extract returns the messages in the code.
func extract(s *source) map[message]place {
	x := &extractor{
		source: s, params: map[types.Object]sink{}, values: map[types.Object][]ast.Expr{},
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
		pos := x.fset.Position(x.parts[text].Pos())
		if !result.MatchString(filepath.ToSlash(pos.Filename)) && !x.has(text) {
			x.found[message{part, text}] = place{pos, false}
		}
	}
	return x.found
}

// result are the files of which only errors count: what else they say is a result, as a plan or an answer
// of the emulator.
var result = regexp.MustCompile("/internal/(emulator|render)/")

// rootsExist panics if a function that is named here has another name now: what it returns would be
// missed.
func (x *extractor) rootsExist() {
	names := map[string]bool{}
	for f := range x.funcs {
		names[f.(*types.Func).FullName()] = true
	}
	for name := range printedResults {
		if !names[name] {
			panic("there is no " + name)
		}
	}
	for _, name := range []string{sayName, withName} {
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
	for _, files := range x.files {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool { visit(n); return true })
		}
	}
}

// declare records the functions, and what variables and fields can be.
func (x *extractor) declare(n ast.Node) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		x.funcs[x.info.Defs[n.Name]] = n
	case *ast.ValueSpec:
		for i, name := range n.Names {
			x.assign(x.info.Defs[name], i, len(n.Names), n.Values)
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
		strct, ok := deref(x.info.Types[n].Type).Underlying().(*types.Struct)
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
	switch obj := x.info.ObjectOf(id).(type) {
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
	for id, obj := range x.info.Uses {
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

// called is the full name of the function that is called, or "".
func (x *extractor) called(n *ast.CallExpr) string {
	obj := x.object(n.Fun)
	if f, ok := obj.(*types.Func); ok {
		return f.FullName()
	}
	for _, value := range x.values[obj] { // a function that a field has
		if f, ok := x.object(value).(*types.Func); ok {
			return f.FullName()
		}
	}
	return ""
}

// create finds the places where messages are created.
func (x *extractor) create(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		x.call(n)
	case *ast.FuncDecl:
		f := x.info.Defs[n.Name].(*types.Func)
		for i, kind := range printedResults[f.FullName()] {
			x.printResult(n, i, kind)
		}
		if recv := f.Signature().Recv(); recv != nil && types.Implements(recv.Type(), errorType) && f.Name() == "Error" &&
			!slices.Contains(printedFields, types.TypeString(deref(recv.Type()), nil)) {
			x.printResult(n, 0, Error)
		}
	case *ast.TypeSpec:
		x.mistake(x.info.Defs[n.Name])
	case *ast.ValueSpec:
		for _, name := range n.Names {
			if c, ok := x.info.Defs[name].(*types.Const); ok && types.Implements(c.Type(), errorType) {
				x.print(sink{Error, false, true}, name, nil)
			}
		}
	case *ast.BasicLit:
		if text, ok := strings.CutPrefix(x.constant(n), "warning: "); ok {
			x.record(sink{Warning, true, false}, n, text, nil)
		}
	case *ast.BinaryExpr:
		if x.constant(n.X) == "warning: " {
			x.print(sink{Warning, false, false}, n.Y, nil)
		}
	}
}

// mistake prints the fields of a type of mistakes.
func (x *extractor) mistake(obj types.Object) {
	strct, ok := obj.Type().Underlying().(*types.Struct)
	for _, name := range printedFields {
		if ok && obj.Pkg().Path()+"."+obj.Name() == name {
			for f := range strct.Fields() {
				kind := map[string]Kind{"What": Error, "Hint": Hint}[f.Name()]
				for _, e := range x.values[f] {
					if kind != "" {
						x.print(sink{kind, false, false}, e, nil)
					}
				}
			}
		}
	}
}

// printResult prints a result of a function.
func (x *extractor) printResult(f *ast.FuncDecl, i int, kind Kind) {
	for _, e := range x.returned(f, i) {
		x.print(sink{kind, false, false}, e, nil)
	}
	ast.Inspect(f, func(n ast.Node) bool { // what a builder is given
		if call, ok := n.(*ast.CallExpr); ok && x.called(call) == "fmt.Fprintf" {
			x.print(sink{kind, true, false}, call.Args[1], call.Args[2:])
		}
		return true
	})
}

// returned is what a function returns as its result i.
func (x *extractor) returned(f *ast.FuncDecl, i int) (list []ast.Expr) {
	results := x.info.Defs[f.Name].(*types.Func).Signature().Results()
	ast.Inspect(f, func(n ast.Node) bool {
		ret, ok := n.(*ast.ReturnStmt)
		switch {
		case !ok:
		case len(ret.Results) == results.Len():
			list = append(list, ret.Results[i])
		case len(ret.Results) == 1:
			list = append(list, &resultOf{ret.Results[0], i})
		default:
			list = append(list, x.values[results.At(i)]...)
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return list
}

// call prints what a call prints.
func (x *extractor) call(n *ast.CallExpr) {
	switch name := x.called(n); name {
	case "errors.New":
		if !x.silent[n] {
			x.print(sink{Error, false, false}, n.Args[0], nil)
		}
		return
	case "fmt.Errorf":
		x.print(sink{Error, true, false}, n.Args[0], n.Args[1:])
		return
	case withName:
		x.print(sink{Hint, false, false}, n.Args[1], nil)
		return
	case sayName:
		for _, kind := range []Kind{Error, Hint, Warning} { // anything else that is formatted is in these words already
			if x.constant(n.Args[0]) == string(kind)+": %s" {
				x.print(sink{kind, false, false}, n.Args[1], nil)
			}
		}
	}
	if t, ok := x.info.Types[n.Fun]; ok && t.IsType() { // as in refusal("...")
		if basic, ok := t.Type.Underlying().(*types.Basic); ok && basic.Kind() == types.String && types.Implements(t.Type, errorType) && !x.silent[n] {
			x.print(sink{Error, false, false}, n.Args[0], nil)
		}
		return
	}
	params := x.parameters(n)
	for i, param := range params {
		to, ok := x.params[param]
		switch {
		case !ok:
		case len(n.Args) == 1 && len(params) > 1: // what another function returns
			x.print(to, &resultOf{n.Args[0], i}, nil)
		case i < len(n.Args):
			x.print(to, n.Args[i], n.Args[i+1:])
		}
	}
}

// parameters are those of the function that is called, which may be a variable.
func (x *extractor) parameters(n *ast.CallExpr) (params []types.Object) {
	obj := x.object(n.Fun)
	if f, ok := obj.(*types.Func); ok {
		for v := range f.Signature().Params().Variables() {
			params = append(params, v)
		}
		return params
	}
	for _, value := range x.values[obj] {
		if f, ok := x.object(value).(*types.Func); ok { // a function that a field has
			for v := range f.Signature().Params().Variables() {
				params = append(params, v)
			}
		}
		if f, ok := value.(*ast.FuncLit); ok {
			for _, field := range f.Type.Params.List {
				for _, name := range field.Names {
					params = append(params, x.info.Defs[name])
				}
			}
		}
	}
	return params
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

func deref(t types.Type) types.Type {
	if t == nil {
		return types.Typ[types.Invalid]
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}
