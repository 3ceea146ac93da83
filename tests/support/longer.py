"""Which tests the suite leaves to the longer check, `python -m tests.long`, since ten minutes do not hold them.

A key is a test function, or a file; `*` stands for anything. The value says which of its cases stay in the suite: so
many of them, spread over the list, or the named ones. What is shown once in the suite is shown in every case there.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

Kept = int | tuple[str, ...]
LEFT_OUT: dict[str, Kept] = {
    # bridge
    "bridge/reaper/test_install.py::test_install_puts_everything_in_place": ("Windows-6", "Darwin-7", "Linux-7"),
    "bridge/reaper/test_install.py::test_lines_that_reaper_wrote_anew_are_ours": ("Windows-7", "Linux-6"),
    "bridge/reaper/test_install.py::test_twice_changes_nothing": ("Darwin-6", "Linux-7"),
    "bridge/reaper/test_install.py::test_uninstall_keeps_what_reaper_wrote_since": ("Windows-6", "Linux-7"),
    "bridge/reaper/test_install.py::test_uninstall_restores_every_byte": ("Windows-7", "Darwin-6", "Linux-6"),
    "bridge/rpp/test_commands.py::test_what_is_refused_is_refused_before_the_render_and_by_the_dry_run_too": 6,
    "bridge/set_up/test_foreign.py::test_a_command_runs_beside_another_programs_packages": ("numpy",),
    "bridge/set_up/test_foreign.py::test_a_file_of_pip_settings_puts_packages_nowhere_else": ("user and target",),
    # from the command to the file
    "end_to_end/test_cli_renders.py::test_the_other_tasks": ("outpaint on both sides", "lyrics", "prompt"),
    "end_to_end/test_daemon_engine.py::test_outside_of_region_and_fades_every_sample_is_the_sources": 2,
    "end_to_end/test_every_input.py::test_input": 26,
    "end_to_end/test_names.py::test_a_file_of_any_name_is_read_written_told_and_made_again": (
        "no UTF-8",
        "two lines",
        "a leading dash",
    ),
    "end_to_end/test_names.py::test_a_picture_is_drawn_of_any_name": ("control characters",),
    "end_to_end/test_osc.py::test_a_job_is_cancelled_in_the_middle": ("pyliblo3",),
    "end_to_end/test_osc.py::test_a_region_is_made_anew_and_takes_are_chosen": ("pyliblo3",),
    # what is measured
    "test_bench.py::test_every_bench_is_found": 0,
    "test_bench.py::test_the_way_of_a_clip_through_the_bridge_is_measured": 0,
    # engine
    "engine/audio/test_through_ffmpeg.py::test_what_ffmpeg_writes": ("a.m4a", "a.webm", "flac.oga", "streamed.wav"),
    "engine/checkpoints/test_lora.py::test_equals_peft": 0,
    "engine/checkpoints/test_lora.py::test_golden": ("none-None-False", "meta_w1-1.0-True"),
    "engine/checkpoints/test_lora.py::TestBadFiles::test_foreign": 2,
    "engine/checkpoints/test_nano.py::test_any_length_is_finite_and_unclipped": ("2.0",),
    "engine/checkpoints/test_single_file.py::test_equals_the_folder": ("weight norm folded, no mel tables",),
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_context_source_and_mask_equal_the_reference": 8,
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_run_equals_the_reference": 12,
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_samples_equal_the_reference_but_for_its_level": 6,
    "engine/families/ace_step_15/test_memory_and_loras.py::TestMemory::test_int8_rounds_the_blocks_of_every_network": 0,
    "engine/families/ace_step_15/test_memory_and_loras.py::TestMemory::test_modes_give_the_same": ("offloaded",),
    "engine/families/ace_step_15/test_model.py::TestTasks::test_audio_to_audio": 2,
    "engine/families/ace_step_15/test_model.py::TestTasks::test_schedulers": 1,
    "engine/families/test_every_field.py::test_a_field_moves_the_result_or_is_said": ("v1", "nano"),
    "engine/memory/test_measured.py::test_a_process_that_renders_many_lengths_does_not_grow": 0,
    "engine/memory/test_measured.py::test_the_plan_and_a_measured_peak_agree": 0,
    "engine/memory/test_modes.py::test_out_of_memory_goes_one_mode_down_with_the_same_result": ("4-tiled",),
    "engine/memory/test_modes.py::test_then_weights_are_rounded_and_the_result_says_so": ("2-int8-offloaded",),
    "engine/networks/ace_step_15/test_networks.py::TestAutoencoder::test_equals_that_of_diffusers_at_other_sizes": 0,
    "engine/networks/ace_step_15/test_networks.py::TestAutoencoder::test_tiles_equal_the_whole": ("16",),
    "engine/networks/test_autoencoder.py::test_tiles_equal_the_whole": ("7", "41"),
    "engine/networks/test_bucketed.py::test_blocks_compile_once_for_every_length": 0,
    "engine/rendering/test_carried.py::test_tags_of_songs_go_along": ("flac-ogg", "ogg-mp3", "mp3-flac", "mp3-wav"),
    "engine/rendering/test_joining.py::test_a_bad_candidate_among_good_ones_is_never_chosen": ("click", "late"),
    "engine/rendering/test_render.py::test_files_keep_their_own_numbers": 12,
    "engine/tasks/test_golden_runs.py::test_run_equals_the_reference": 14,
    "engine/tasks/test_plans.py::test_an_item_of_a_batch_equals_itself_alone": 6,
    "engine/test_model.py::test_decoded_golden_latents_sound_as_the_reference": 2,
    "engine/test_model.py::test_inpaint_changes_nothing_outside_region_and_fades": ("1-96000", "2-44100"),
    "engine/test_model.py::test_outpaint_is_exact_to_the_sample": 1,
    "engine/test_model.py::test_written_files_keep_the_numbers_of_the_source": ("PCM_24", "FLOAT"),
    "engine/training/test_generator.py::test_processes_make_the_same_shards": 0,
    "engine/training/test_nano_evaluation.py::test_an_evaluation_goes_on_where_it_was_stopped_and_writes_its_table": 0,
    "engine/training/test_nano_evaluation.py::test_errors_stay_down": 0,
    "engine/training/test_nano_evaluation.py::test_shares_stay_up": 0,
    "engine/training/test_nano_evaluation.py::test_the_rules_hear_true_clips_right": 0,
    "engine/training/test_short_runs.py::test_parts_begin_with_the_averaged_weights_of_the_one_before": 0,
    "engine/training/test_short_runs.py::test_the_autoencoders_loss_falls_by_a_third": 0,
    "engine/training/test_short_runs.py::test_the_partials_loss_falls_by_a_twentieth": 0,
    "engine/training/test_short_runs.py::test_the_transformers_loss_falls_by_a_quarter_and_a_stopped_run_goes_on": 0,
    # inside REAPER
    "reaper/test_chosen.py::test_media_that_the_daemon_does_not_read_is_captured_from_the_track": ("VIDEO",),
    "reaper/test_chosen.py::test_media_that_the_daemon_reads_is_sent_as_it_is": 1,
    "reaper/test_every_script.py::test_every_script_in_one_process": ("sub-1",),
    "reaper/test_osc_surface.py::test_from_the_surface_to_the_take_and_back": 0,
    "reaper/test_property.py::test_random_sequences": ("2", "5"),
    "reaper/test_pythons.py::test_a_track_is_read": ("3.8",),
    "reaper/test_pythons.py::test_scripts_run_three_times": 0,
    "reaper/test_take_files.py::test_a_long_source_is_cut_to_the_item_and_its_bytes_stay": 2,
}

LONGEST_FIRST = (  # files, so that no worker begins a long one when the others are done
    "end_to_end/test_cli_renders.py",
    "engine/families/test_every_field.py",
    "engine/training/test_short_runs.py",
    "reaper/test_every_script.py",
    "end_to_end/test_names.py",
    "reaper/test_actions.py",
    "engine/test_model.py",
    "engine/families/ace_step_15/test_model.py",
    "bridge/gateway/test_calls.py",
    "engine/tasks/test_plans.py",
    "bridge/rpp/test_render.py",
    "reaper/test_chosen.py",
    "end_to_end/test_osc.py",
)


def left_out(node_ids: Iterable[str], table: dict[str, Kept] | None = None) -> set[str]:
    """Those of `node_ids` ("tests/a/test_b.py::test_c[case]") that the suite leaves to the longer check."""
    ids = [node_id.removeprefix("tests/") for node_id in node_ids]
    found: set[str] = set()
    for key, kept in (LEFT_OUT if table is None else table).items():
        cases = [node_id for node_id in ids if fnmatchcase(function_of(node_id), key)]
        found |= set(cases) - set(_kept(cases, kept))
    return {"tests/" + node_id for node_id in found}


def function_of(node_id: str) -> str:
    """A node id without its case."""
    return node_id.partition("[")[0]


def _kept(cases: list[str], kept: Kept) -> list[str]:
    if isinstance(kept, tuple):
        return [node_id for node_id in cases if node_id.partition("[")[2][:-1] in kept]
    count = min(kept, len(cases))
    return [cases[index * len(cases) // count] for index in range(count)]


def stale(node_ids: Iterable[str], table: dict[str, Kept] | None = None) -> list[str]:
    """Keys, and names of cases, that no test has (any more)."""
    ids, missing = [node_id.removeprefix("tests/") for node_id in node_ids], []
    for key, kept in (LEFT_OUT if table is None else table).items():
        cases = [node_id for node_id in ids if fnmatchcase(function_of(node_id), key)]
        found = {node_id.partition("[")[2][:-1] for node_id in cases}
        missing += [f"{key}[{name}]" for name in (kept if isinstance(kept, tuple) else ()) if name not in found]
        missing += [] if cases else [key]
    return missing


def some_of(node_ids: Iterable[str]) -> list[str]:
    """The first case of each function."""
    first: dict[str, str] = {}
    for node_id in node_ids:
        first.setdefault(function_of(node_id), node_id)
    return list(first.values())


def place(node_id: str) -> int:
    """Where a test comes in the run: files that take long first, the others as they are."""
    path = node_id.partition("::")[0].removeprefix("tests/")
    return LONGEST_FIRST.index(path) if path in LONGEST_FIRST else len(LONGEST_FIRST)
