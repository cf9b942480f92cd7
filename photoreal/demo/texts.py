"""What the demo says, as HTML; whatever a visitor has sent is escaped."""

from html import escape

from photoreal.demo.jobs import Job, Progress

_MEANINGS = {
    'warp_error': ('warping error of the prediction', 'how much it changes along the motion; compare with the input'),
    'warp_error_input': ('warping error of the input', 'of the video itself'),
    'flicker': ('flicker', 'change beyond that of the input, in levels of 255'),
}


def progress_html(progress: Progress) -> str:
    """A bar, and how long it will still take."""
    share = progress.done / progress.total
    rate = progress.done / max(progress.seconds, 1e-6)
    return (f'<progress max="1" value="{share:.3f}" aria-label="Progress" style="width:100%"></progress>'
            f'<p>frame {progress.done} of {progress.total}, {rate:.1f} frames/s, {progress.left:.0f} s left</p>')


def done_html(job: Job, seconds: float) -> str:
    """What was done."""
    return f'<p>{job.length} frames in {seconds:.1f} s</p>'


def fault_html(text: str) -> str:
    """Why it did not work."""
    return f'<p role="alert" style="color:var(--error-text-color)">{escape(text)}</p>'


def note_html(text: str) -> str:
    """A plain line."""
    return f'<p>{escape(text)}</p>'


def metrics_html(job: Job) -> str:
    """A table of the measures."""
    rows = ''
    for name, value in job.metrics.items():
        title, meaning = _MEANINGS[name]
        rows += f'<tr><th scope="row">{title}</th><td>{value:.2f}</td><td>{meaning}</td></tr>'
    return f'<table><tbody>{rows}</tbody></table>' if rows else ''
