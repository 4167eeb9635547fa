package survey

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
)

// redrawEvery is how often the table is drawn. Chosen: quick enough to walk by and
// slow enough to read.
const redrawEvery = 200 * time.Millisecond

// onScreen redraws the table in place until ctx ends, somebody ends it, or as
// many seconds as count have passed. The last table stays on the screen.
func (w *watching) onScreen(ctx context.Context, c *cli.Call, count int) error {
	if count > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(count)*watchEvery)
		defer cancel()
	}
	m := &watchModel{watching: w, view: viewOptions{width: plainWidth, paint: plain}, scene: w.scene()}
	if c.Color {
		m.view.paint = inColour()
	}
	p := tea.NewProgram(m, tea.WithInput(c.In), tea.WithOutput(cli.Device(c.Out)), tea.WithoutSignalHandler())
	defer context.AfterFunc(ctx, p.Quit)()
	if _, err := p.Run(); err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("draw the table: %w", err)
	}
	_, err := fmt.Fprint(c.Out, watchView(m.scene, viewOptions{width: m.view.width, paint: plain}))
	return err
}

// watchModel is the table as bubbletea runs it.
type watchModel struct {
	watching *watching
	view     viewOptions
	scene    watchScene
}

type redraw struct{}

func redrawSoon() tea.Cmd { return tea.Tick(redrawEvery, func(time.Time) tea.Msg { return redraw{} }) }

// Init starts the redrawing.
func (m *watchModel) Init() tea.Cmd { return redrawSoon() }

// Update looks at the air again, follows the window and ends on q.
func (m *watchModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case redraw:
		m.scene = m.watching.scene()
		return m, redrawSoon()
	case tea.WindowSizeMsg:
		m.view.width, m.view.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c", "ctrl+d":
			return m, tea.Quit
		}
	}
	return m, nil
}

// View draws the table on a screen of its own.
func (m *watchModel) View() tea.View {
	v := tea.NewView(watchView(m.scene, m.view))
	v.AltScreen = true
	return v
}

// inColour is the paint for a terminal, in colours that its owner chose.
func inColour() paint {
	styles := map[meaning]lipgloss.Style{
		meansFaint: lipgloss.NewStyle().Faint(true),
		meansNear:  lipgloss.NewStyle().Foreground(lipgloss.Green),
		meansClear: lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true),
		meansAlarm: lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
		meansTitle: lipgloss.NewStyle().Bold(true),
	}
	return func(m meaning, s string) string { return styles[m].Render(s) }
}
