"""The page of the demo: a thin layer of Gradio over :mod:`photoreal.demo.jobs`."""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photoreal.bundle import TrainedModel
from photoreal.demo import texts
from photoreal.demo.jobs import Job, Order
from photoreal.demo.library import Library, optional, recorded
from photoreal.demo.limits import Limits
from photoreal.demo.mixing import Mix, as_mix, classes_of
from photoreal.demo.strength import USUAL, has_strength
from photoreal.demo.sweep import Sweeper
from photoreal.demo.uploads import SUFFIXES, open_upload
from photoreal.engine.checkpoint import FULL_DISK
from photoreal.errors import DataError, PhotorealError
from photoreal.inference.keeping import find_labels

# Gradio reads these when it is imported: nothing is reported, checked or fetched from anywhere.
os.environ.update(GRADIO_ANALYTICS_ENABLED='False', GRADIO_RUN_HISTORY='False', HF_HUB_OFFLINE='1',
                  HF_HUB_DISABLE_TELEMETRY='1')

import gradio as gr
import torch
from starlette.middleware import Middleware

from photoreal.demo.login import Door
from photoreal.demo.middleware import Shield

UPLOAD = 'my own video'
PLAY, PAUSE = '▶ Play', '⏸ Pause'
TICK = 0.2  # seconds between frames when they are played

CSS = """
#maps .thumbnail-item { aspect-ratio: auto; }
#maps .grid-wrap { min-height: 0 !important; }
#metrics table, #metrics tr, #metrics th, #metrics td { border: 0 !important; text-align: left; font-weight: normal; }
#metrics td { padding-right: 1em; }
"""


@dataclass(frozen=True)
class _Control:
    """The switches of one modality of one model."""

    model: str
    modality: str
    use: Any | None
    strength: Any | None


@dataclass
class _Visit:
    """What the buttons of one visitor's page have to tell each other; Gradio's own way of cancelling lets a late
    progress overwrite what is said about it."""

    running: bool = False  # or waiting for its turn
    cancelled: bool = False

    def begin(self) -> None:
        self.running, self.cancelled = True, False

    def cancel(self) -> None:
        self.cancelled = self.running

    def end(self) -> None:
        self.running = self.cancelled = False


class Demo:
    """The demo, built and ready to be served.

    Args:
        library: Models and samples.
        limits: What visitors may ask for; None: the usual.
        device: Where to compute; None: the GPU where there is one.
    """

    def __init__(self, library: Library, limits: Limits | None = None, device: str | None = None) -> None:
        self.library, self.limits, self.device = library, limits or Limits(), device
        self.folder = Path(tempfile.mkdtemp(prefix='photoreal-demo-'))
        self._uploads, self._jobs = self.folder / 'uploads', self.folder / 'jobs'
        self._uploads.mkdir()
        os.environ['GRADIO_TEMP_DIR'] = str(self._uploads)
        self._controls: list[_Control] = []
        self.page = self._build()
        self._sweeper = Sweeper(self._uploads, self._jobs, self.limits.keep_minutes * 60)

    def serve(self, host: str = '127.0.0.1', port: int = 7860, login: list[tuple[str, str]] | None = None,
              block: bool = True) -> str:
        """Serve the page.

        Args:
            host: The address to listen on; the default is this machine alone.
            port: The port; 0: any that is free.
            login: Users and their passwords; None: everybody may come in.
            block: Whether to return only at the end.

        Returns:
            The page's address.
        """
        self.page.queue(max_size=self.limits.waiting, default_concurrency_limit=8, api_open=False)
        _, url, _ = self.page.launch(
            server_name=host, server_port=port or _free_port(host), auth=Door(login) if login else None, share=False,
            inbrowser=False, prevent_thread_lock=not block, quiet=True, footer_links=[], allowed_paths=[],
            max_file_size=int(self.limits.megabytes * 10**6), ssr_mode=False, enable_monitoring=False, pwa=False,
            app_kwargs={'middleware': [Middleware(Shield)]}, css=CSS,
            theme=gr.themes.Base(font=['system-ui', 'sans-serif'], font_mono=['monospace']))
        return url

    def close(self) -> None:
        """Stop serving, and remove all files of all visitors."""
        self._sweeper.close()
        self.page.close(verbose=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # The page ----------------------------------------------------------------------------------------------------

    def _build(self) -> gr.Blocks:
        seconds = self.limits.keep_minutes * 60
        with gr.Blocks(title='photoreal', analytics_enabled=False, delete_cache=(300, seconds)) as page:
            job = gr.State(None, time_to_live=seconds, delete_callback=_discard)
            visit = gr.State(_Visit())
            gr.Markdown('# photoreal\nVirtual video in, photoreal video out. Choose a video and a model.')
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    inputs = self._inputs()
                with gr.Column(scale=2, min_width=320):
                    status = gr.HTML(texts.note_html('Nothing has been run yet.'), elem_id='status')
                    slider = gr.ImageSlider(label='Input | prediction', format='jpeg', elem_id='pair', max_height=640,
                                            interactive=False, buttons=['fullscreen'], slider_position=50)
                    with gr.Row():
                        play = gr.Button(PLAY, elem_id='play', size='sm', scale=0, min_width=110, interactive=False)
                        frame = gr.Slider(0, 1, 0, step=1, label='Frame', elem_id='frame', interactive=False)
                    mix = self._mix_controls()
                    maps = gr.Gallery(label='What the model sees', format='jpeg', elem_id='maps', columns=3,
                                      height='auto', interactive=False, buttons=[])
                    metrics = gr.HTML(elem_id='metrics')
                    with gr.Row():
                        download = gr.DownloadButton('Download the video', elem_id='download', interactive=False)
                        remake = gr.Button('Make the video anew', elem_id='remake', interactive=False)
            timer = gr.Timer(TICK, active=False)

            def run(*values: Any) -> Iterator[dict[Any, Any]]:
                for update in self._run(*values):
                    yield {parts[name]: value for name, value in update.items()}

            def make_anew(*values: Any) -> Iterator[dict[Any, Any]]:
                for update in self._remake(*values):
                    yield {parts[name]: value for name, value in update.items()}

            parts = dict(job=job, status=status, slider=slider, play=play, frame=frame, maps=maps, metrics=metrics,
                         download=download, timer=timer, keep=mix['keep'], remake=remake)
            hidden = dict(api_visibility='private', show_progress='hidden')
            inputs['run'].click(_Visit.begin, visit, None, queue=False, **hidden)
            # Who waits for others is told in the corner of the status how many there are.
            heavy = dict(show_progress='minimal', show_progress_on=status, concurrency_limit=self.limits.jobs,
                         concurrency_id='jobs', api_visibility='private')
            inputs['run'].click(run, [job, visit, inputs['model'], inputs['video'], inputs['file'], *mix.values(),
                                      *self._components()], list(parts.values()), **heavy)
            remake.click(_Visit.begin, visit, None, queue=False, **hidden)
            remake.click(make_anew, [job, visit, *mix.values()], [status, download], **heavy)
            inputs['cancel'].click(_Visit.cancel, visit, None, queue=False, **hidden)
            looked_at = [job, frame, *mix.values()]
            # What a blend can do is done at once; the generator takes its turn among the jobs.
            anew = dict(heavy, trigger_mode='always_last')
            frame.change(_show, looked_at, [slider, maps, status], trigger_mode='always_last', **hidden).then(
                _predict, looked_at, [slider, status], **anew)
            for name in ('strength', 'guard', 'keep', 'camera'):
                mix[name].change(_blend, looked_at, [slider, status], trigger_mode='always_last', **hidden)
            mix['look'].change(_blend, looked_at, [slider, status], trigger_mode='always_last', **hidden).then(
                _predict, looked_at, [slider, status], **anew)
            inputs['model'].change(self._mix_of, inputs['model'], [mix['keep'], mix['look'], mix['camera']],
                                   queue=False, **hidden)
            play.click(_toggle, play, [play, timer], queue=False, **hidden)
            timer.tick(_advance, [job, frame], frame, **hidden)
        return page

    def _inputs(self) -> dict[str, Any]:
        names, samples = list(self.library.models), self.library.samples
        model = gr.Dropdown(names, value=names[0], label='Model', elem_id='model')
        video = gr.Radio([*samples, UPLOAD], value=[*samples, UPLOAD][0], label='Video', elem_id='video')
        limits = self.limits
        file = gr.File(label=f'At most {limits.megabytes} MB, {limits.seconds:g} s, {limits.side} pixels a side',
                       file_types=list(SUFFIXES), elem_id='file', visible=not samples, height=140)
        groups = [self._group(name, trained, visible=name == names[0])
                  for name, trained in self.library.models.items()]
        with gr.Row():
            run = gr.Button('Run', variant='primary', elem_id='run')
            cancel = gr.Button('Cancel', variant='stop', elem_id='cancel')
        hidden = dict(api_visibility='private', show_progress='hidden', queue=False)
        video.change(lambda chosen: gr.File(visible=chosen == UPLOAD), video, file, **hidden)
        model.change(lambda chosen: [gr.Group(visible=chosen == name) for name in names], model, groups, **hidden)
        return dict(model=model, video=video, file=file, run=run, cancel=cancel)

    def _mix_controls(self) -> dict[str, Any]:
        """What is shown of predictions, in the order of :func:`as_mix`'s arguments."""
        first = next(iter(self.library.models.values()))
        with gr.Row():
            strength = gr.Slider(0, 1, 1, step=0.05, label='Strength', info='0 is the input', elem_id='strength')
            guard = gr.Slider(0, 1, 0, step=0.05, label='Structure guard', elem_id='guard',
                              info='how far to go back where the input has no such thing')
        with gr.Row():
            keep = gr.Dropdown(classes_of(first), value=[], multiselect=True, label='Keep as they are', elem_id='keep',
                               visible=False, scale=3)
            look = gr.Checkbox(True, label='look', elem_id='look', visible=first.look is not None, min_width=90)
            camera = gr.Checkbox(True, label='camera', elem_id='camera', visible=first.camera is not None,
                                 min_width=90)
        return dict(strength=strength, guard=guard, keep=keep, look=look, camera=camera)

    def _mix_of(self, model: str) -> list[Any]:
        """Classes, look and camera of another model."""
        trained = self.library.models[model]
        return [gr.Dropdown(classes_of(trained), value=[]), gr.Checkbox(visible=trained.look is not None),
                gr.Checkbox(visible=trained.camera is not None)]

    def _group(self, name: str, trained: TrainedModel, visible: bool) -> gr.Group:
        """The modalities of a model: which to use, and how strong."""
        with gr.Group(visible=visible, elem_classes='modalities') as group:
            for modality, one in trained.preprocessor.modalities.items():
                use = gr.Checkbox(True, label=f'use {modality}') if modality in optional(trained) else None
                strength = None
                if one.folder is None and has_strength(one):
                    strength = gr.Slider(0, 1, USUAL, step=0.05, label=f'{modality}: strength',
                                         info='how much is taken away; 0.5 is usual', elem_id=f'strength-{modality}')
                elif use is None:
                    gr.Markdown(f'{modality}: ' + ('recorded with the video' if one.folder else 'fixed'))
                self._controls.append(_Control(name, modality, use, strength))
        return group

    def _components(self) -> list[Any]:
        return [part for control in self._controls for part in (control.use, control.strength) if part is not None]

    # What happens ------------------------------------------------------------------------------------------------

    def _run(self, before: Job | None, visit: _Visit, model: str, video: str, file: str | None, strength: float,
             guard: float, keep: list[str], look: bool, camera: bool, *values: Any) -> Iterator[dict[str, Any]]:
        """Do a job; yields which parts of the page change, by their names."""
        _discard(before)
        yield {'job': None, 'status': texts.note_html('Starting.'), 'metrics': '', 'maps': [], 'slider': None,
               'timer': gr.Timer(active=False), 'play': gr.Button(PLAY, interactive=False),
               'frame': gr.Slider(value=0, interactive=False), 'download': gr.DownloadButton(interactive=False),
               'remake': gr.Button(interactive=False)}
        job, handed_over = Job(self._jobs), False
        try:
            order = self._order(model, video, file, values)
            labelled = find_labels(self.library.models[model].preprocessor.modalities)[0] in order.recorded
            mix = as_mix(strength, guard, keep if labelled else [], look, camera)
            for progress in job.run(self.library.models[model], replace(order, mix=mix), self.device):
                if visit.cancelled:
                    yield {'status': texts.note_html('Cancelled.')}
                    return
                yield {'status': texts.progress_html(progress)}
            yield {'job': job, 'status': texts.done_html(job, progress.seconds), 'metrics': texts.metrics_html(job),
                   'frame': gr.Slider(maximum=max(job.length - 1, 1), value=0, interactive=True),
                   'play': gr.Button(PLAY, interactive=True),
                   'download': gr.DownloadButton(value=str(job.video), interactive=True),
                   'keep': gr.Dropdown(visible=job.labelled, value=list(mix.keep)),
                   'remake': gr.Button(interactive=True), 'slider': _pair(job, 0, mix), 'maps': _maps(job, 0)}
            handed_over = True
        except Exception as error:  # whatever a file has caused, its visitor is told, and the others go on
            job.discard()  # now, as a disk may be full
            yield {'status': texts.fault_html(self._for_visitor(error))}
        finally:
            visit.end()
            if not handed_over:  # a fault, or the visitor has cancelled or left
                job.discard()

    def _remake(self, job: Job | None, visit: _Visit, *mix: Any) -> Iterator[dict[str, Any]]:
        """Make the video of a finished job anew; yields which parts of the page change, by their names."""
        try:
            if job is None or not job.folder.is_dir():
                return
            for progress in job.remake(as_mix(*mix)):
                if visit.cancelled:
                    yield {'status': texts.note_html('Cancelled; the video is as it was.')}
                    return
                yield {'status': texts.progress_html(progress)}
            yield {'status': texts.note_html(f'The video has been made anew in {progress.seconds:.1f} s.'),
                   'download': gr.DownloadButton(value=str(job.video), interactive=True)}
        except Exception as error:  # as of a job
            yield {'status': texts.fault_html(self._for_visitor(error))}
        finally:
            visit.end()

    def _for_visitor(self, error: Exception) -> str:
        """What a visitor is told of an error; what only the server's owner can mend goes into the log."""
        cause = error.__cause__ or error
        full = isinstance(cause, OSError) and cause.errno in FULL_DISK
        if isinstance(error, PhotorealError) and not full:
            return re.sub(rf'{re.escape(str(self.folder))}/(uploads/\w+|jobs/\w+)/', '', str(error))
        logging.getLogger(__name__).error('a video could not be worked on', exc_info=error)
        if full:
            return 'the server has no room left on its disk: try again later, or a shorter video'
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return 'the server has too little memory for this video: try one with smaller frames'
        return 'this video could not be worked on; the log of the server says why'

    def _order(self, model: str, video: str, file: str | None, values: tuple[Any, ...]) -> Order:
        trained = self.library.models[model]
        if video == UPLOAD:
            if file is None:
                raise DataError('no video has been uploaded yet: drop one on the field')
            frames, maps = open_upload(file, self._uploads, self.limits), {}
        else:
            frames, maps = self.library.open_sample(video, trained)
        given, leave_out, strengths = iter(values), set(), {}
        for control in self._controls:
            use = next(given) if control.use is not None else True
            strength = next(given) if control.strength is not None else None
            if control.model == model and not use:
                leave_out.add(control.modality)
            elif control.model == model and strength is not None:
                strengths[control.modality] = min(max(float(strength), 0.0), 1.0)
        missing = [name for name in recorded(trained) if name not in maps and name not in optional(trained)]
        if missing:
            raise DataError(f'the model {model} needs the recorded modality {missing[0]}, which this video does not '
                            'have: choose another model, or a sample')
        return Order(frames, maps, strengths, leave_out)


def _discard(job: Job | None) -> None:
    if job is not None:
        job.discard()


def _show(job: Job | None, index: int, *mix: Any) -> tuple[Any, Any, Any]:
    """The pair and the modalities of a frame, and what is to be said of it."""
    pair, status = _blend(job, index, *mix)
    return pair, _maps(job, index), status


def _blend(job: Job | None, index: int, *mix: Any) -> tuple[Any, Any]:
    """The pair of a frame, and what is to be said of it, without the generator."""
    try:
        return _pair(job, index, as_mix(*mix)), gr.skip()
    except PhotorealError as error:
        return gr.skip(), texts.fault_html(str(error))


def _predict(job: Job | None, index: int, *mix: Any) -> tuple[Any, Any]:
    """The same, where another look is wanted than the video was made with: this one frame is predicted with it."""
    wanted = as_mix(*mix)
    if job is None or not job.folder.is_dir() or not job.needs_generator(int(index), wanted):
        return gr.skip(), gr.skip()
    job.predict(int(index), wanted)
    return _pair(job, index, wanted), texts.note_html('This frame was predicted with another look; Run does so with '
                                                      'the whole video.')


def _pair(job: Job | None, index: int, mix: Mix) -> tuple[str, str] | None:
    if job is None or not job.folder.is_dir():
        return None
    return str(job.picture('input', int(index))), str(job.show(int(index), mix))


def _maps(job: Job | None, index: int) -> list[tuple[str, str]]:
    if job is None or not job.folder.is_dir():
        return []
    return [(str(path), name) for path, name in job.maps(int(index))]


def _toggle(label: str) -> tuple[Any, Any]:
    playing = label == PLAY
    return gr.Button(PAUSE if playing else PLAY), gr.Timer(active=playing)


def _advance(job: Job | None, index: int) -> int:
    return 0 if job is None or job.length == 0 else (int(index) + 1) % job.length


def _free_port(host: str) -> int:
    import socket
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
