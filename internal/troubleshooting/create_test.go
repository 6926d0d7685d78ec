package troubleshooting

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

// printedResults are functions whose results are printed: of each, what.
var printedResults = map[string][]Kind{
	"(*" + sourcetest.Module + "internal/advice.Adviser).For": {Hint},
	sourcetest.Module + "internal/render.Problem":             {Error, Hint},
}

// The functions that print a hint, and a line.
const (
	withName = sourcetest.Module + "internal/hint.With"
	sayName  = "(*" + sourcetest.Module + "internal/cli.App).Say"
)

// printedFields are structs whose fields What and Hint are printed.
var printedFields = []string{sourcetest.Module + "internal/syntax.Error"}

// create finds the places where messages are created.
func (x *extractor) create(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		x.call(n)
	case *ast.FuncDecl:
		f := x.Info.Defs[n.Name].(*types.Func)
		for i, kind := range printedResults[f.FullName()] {
			x.printResult(n, i, kind)
		}
		if recv := f.Signature().Recv(); recv != nil && types.Implements(recv.Type(), errorType) && f.Name() == "Error" &&
			!slices.Contains(printedFields, types.TypeString(deref(recv.Type()), nil)) {
			x.printResult(n, 0, Error)
		}
	case *ast.TypeSpec:
		x.mistake(x.Info.Defs[n.Name])
	case *ast.ValueSpec:
		for _, name := range n.Names {
			if c, ok := x.Info.Defs[name].(*types.Const); ok && types.Implements(c.Type(), errorType) {
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
	results := x.Info.Defs[f.Name].(*types.Func).Signature().Results()
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
	if t, ok := x.Info.Types[n.Fun]; ok && t.IsType() { // as in refusal("...")
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

// parameters returns the parameters of the called function, which may be a variable.
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
					params = append(params, x.Info.Defs[name])
				}
			}
		}
	}
	return params
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
