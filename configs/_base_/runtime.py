"""What every run shares: log, checkpoints, pictures, devices."""

custom_imports = dict(imports=['photoreal.datasets', 'photoreal.engine.registered', 'photoreal.metrics',
                               'photoreal.models.registered'])
default_scope = 'mmengine'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='RunLoggerHook', interval=50, seconds=30.0),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='RunCheckpointHook', interval=1000, max_keep_ckpts=3, save_best='real/psnr'))
custom_hooks = [dict(type='PreviewHook', videos=1), dict(type='MetricsJsonHook'), dict(type='ThroughputHook'),
                dict(type='NonFiniteGuardHook', limit=20, then='stop')]
log_processor = dict(by_epoch=False)
log_level = 'INFO'
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]  # where the log's numbers go besides
visualizer = dict(type='VideoVisualizer', vis_backends=vis_backends)

# OpenCV's own threads would fight with the data workers for the cores.
env_cfg = dict(cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(timeout=1800))  # seconds that a process waits for another one
model_wrapper_cfg = dict(type='VideoGANDataParallel')
sync_bn = None  # 'torch': batch normalisation over all processes; needs GPUs
load_from = None
resume = False
