// Command chart draws what make bench measured:
//
//	chart RESULTS FOLDER
//
// It is a module of its own, so that secretsync does not depend on the plotting library.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: chart RESULTS FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// measurement is what the charts need of a run. Times are in nanoseconds.
type measurement struct {
	Name, Operation string
	Secrets         int
	Wall, CPU       float64
	Problem         string
}

func run(results, folder string) error {
	data, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	var r struct{ Peers, Scale []measurement }
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: %w", results, err)
	}
	if len(r.Peers) > 0 {
		err = errors.Join(err, save(clients(r.Peers), filepath.Join(folder, "performance-clients.svg")))
	}
	if len(r.Scale) > 0 {
		err = errors.Join(err, save(scale(r.Scale), filepath.Join(folder, "performance-scale.svg")))
	}
	return err
}

func save(p *plot.Plot, file string) error { return p.Save(20*vg.Centimeter, 12*vg.Centimeter, file) }

// newPlot has a white background, because pages may be dark, and a legend at the top left.
func newPlot(title, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, y
	p.BackgroundColor = color.White
	p.Legend.Top, p.Legend.Left = true, true
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.Legend.TextStyle} {
		style.Font.Size = vg.Points(11)
	}
	p.Title.Padding = vg.Points(8)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	return p
}

// palette is Okabe and Ito's, whose colours people with colour blindness can distinguish.
var palette = []color.Color{
	color.RGBA{0x99, 0x99, 0x99, 0xff}, color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0xcc, 0x79, 0xa7, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// clients has a group of bars for each operation, with one for each client. The axis is
// logarithmic, as the slowest client takes a thousand times longer than the fastest.
func clients(all []measurement) *plot.Plot {
	p := newPlot("Time for 50 secrets, 50 ms a request", "seconds")
	operations, names := labels(all, measurement.operation), labels(all, measurement.name)
	width := 0.8 / float64(len(names))
	low := math.Inf(1)
	for _, m := range all {
		low = min(low, m.Wall/1e9)
	}
	low = math.Pow(10, math.Floor(math.Log10(low)))
	for i, name := range names {
		var bars []bar
		for x, operation := range operations {
			if walls := values(all, measurement.wall, func(m measurement) bool {
				return m.Name == name && m.Operation == operation && m.Problem == ""
			}); len(walls) > 0 {
				left := float64(x) - 0.4 + float64(i)*width
				bars = append(bars, bar{left, left + width, low, median(walls)})
			}
		}
		b := &barChart{bars: bars, color: palette[i%len(palette)]}
		p.Add(b)
		p.Legend.Add(name, b)
	}
	for i, operation := range operations {
		operations[i] = strings.NewReplacer("-50", " 50", "-1", " 1").Replace(operation)
	}
	p.NominalX(operations...)
	p.Y.Min = low
	p.Y.Max *= 30 // room for the legend
	return p
}

var sizes = plot.ConstantTicks{
	{Value: 100, Label: "100"}, {Value: 1000, Label: "1,000"}, {Value: 10_000, Label: "10,000"}, {Value: 100_000, Label: "100,000"},
}

// scale has a line for each operation and build, of CPU time by the number of secrets.
func scale(all []measurement) *plot.Plot {
	p := newPlot("CPU time for more and more secrets", "seconds")
	p.X.Label.Text, p.X.Scale, p.X.Tick.Marker = "secrets", plot.LogScale{}, sizes
	for b, build := range labels(all, measurement.name) {
		for o, operation := range labels(all, measurement.operation) {
			of := func(m measurement) bool { return m.Name == build && m.Operation == operation && m.Problem == "" }
			points := map[int][]float64{}
			for _, m := range all {
				if of(m) {
					points[m.Secrets] = append(points[m.Secrets], m.CPU/1e9)
				}
			}
			var line plotter.XYs
			for n, cpus := range points {
				line = append(line, plotter.XY{X: float64(n), Y: median(cpus)})
			}
			if len(line) == 0 {
				continue
			}
			slices.SortFunc(line, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
			l, dots, err := plotter.NewLinePoints(line)
			if err != nil {
				continue // a number that is not finite, which no time is
			}
			colors := palette[1:] // without the grey of the floor
			l.Width = vg.Points(1.5)
			l.Color = colors[o%len(colors)]
			dots.Color = l.Color
			if b > 0 {
				l.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			}
			p.Add(l, dots)
			p.Legend.Add(operation+", "+build, l)
		}
	}
	p.Legend.Top, p.Legend.Left = false, false // below the lines, which rise
	p.Y.Min /= 3
	return p
}

func (m measurement) operation() string { return m.Operation }
func (m measurement) name() string      { return m.Name }
func (m measurement) wall() float64     { return m.Wall / 1e9 }

// labels are the different texts of the measurements, in order.
func labels(all []measurement, label func(measurement) string) (found []string) {
	for _, m := range all {
		if !slices.Contains(found, label(m)) {
			found = append(found, label(m))
		}
	}
	return found
}

func values(all []measurement, value func(measurement) float64, of func(measurement) bool) (found []float64) {
	for _, m := range all {
		if of(m) {
			found = append(found, value(m))
		}
	}
	return found
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
