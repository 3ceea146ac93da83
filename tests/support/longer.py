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
    "bridge/cli/test_given.py::test_a_dry_run_refuses_what_a_run_refuses": 4,
    "bridge/cli/test_given.py::test_what_is_no_time_is_refused_with_an_example": 4,
    "bridge/cli/test_heard.py::test_what_is_played_is_the_file": 0,
    "bridge/cli/test_jobs.py::test_a_part_of_an_id_is_enough": 3,
    "bridge/cli/test_output.py::test_a_usage_error_is_one_json_document_under_json": 4,
    "bridge/cli/test_output.py::test_every_name_is_printed_somehow_and_exactly_where_that_can_be": 3,
    "bridge/cli/test_output.py::test_h_is_help": 3,
    "bridge/cli/test_output.py::test_json_holds_every_name_exactly": 5,
    "bridge/cli/test_shells.py::test_tab_in_fish": 0,
    "bridge/cli/test_shells.py::test_tab_in_zsh": 0,
    "bridge/daemon/test_trouble.py::test_a_stop_among_very_short_jobs_is_heard": 1,
    "bridge/demo/test_demo.py::test_the_picture_is_a_png_of_both_and_the_joints": 0,
    "bridge/gateway/test_fal_python.py::test_the_environment_alone_does_over_tls": 0,
    "bridge/reaper/test_install.py::test_install_puts_everything_in_place": ("Windows-6", "Darwin-7", "Linux-7"),
    "bridge/reaper/test_install.py::test_lines_that_reaper_wrote_anew_are_ours": ("Windows-7", "Linux-6"),
    "bridge/reaper/test_install.py::test_twice_changes_nothing": ("Darwin-6", "Linux-7"),
    "bridge/reaper/test_install.py::test_uninstall_keeps_what_reaper_wrote_since": ("Windows-6", "Linux-7"),
    "bridge/reaper/test_install.py::test_uninstall_restores_every_byte": ("Windows-7", "Darwin-6", "Linux-6"),
    "bridge/rpp/test_commands.py::test_what_is_refused_is_refused_before_the_render_and_by_the_dry_run_too": 4,
    "bridge/rpp/test_instruments.py::test_extract_lies_where_the_item_is_and_complete_is_its_take": 0,
    "bridge/rpp/test_render.py::test_what_is_heard_before_the_end_of_the_item_is_not_doubled": 1,
    "bridge/set_up/test_foreign.py::test_a_command_runs_beside_another_programs_packages": ("numpy",),
    "bridge/set_up/test_foreign.py::test_a_file_of_pip_settings_puts_packages_nowhere_else": ("user and target",),
    "bridge/set_up/test_foreign.py::test_variables_of_pip_count_only_where_they_say_where_packages_come_from": 0,
    # from the command to the file
    "end_to_end/test_ace_step_15.py::test_a_reference_clip_is_found_again": 0,
    "end_to_end/test_cli_renders.py::test_bad_input_is_named_and_nothing_is_queued": 12,
    "end_to_end/test_cli_renders.py::test_outside_the_region_every_sample_is_the_sources": (
        "16-bit 44.1 kHz",
        "24-bit 48 kHz",
    ),
    "end_to_end/test_cli_renders.py::test_the_other_tasks": ("lyrics", "prompt", "outpaint on both sides"),
    "end_to_end/test_cli_renders.py::test_the_same_twice_gives_equal_files_and_another_seed_another": 0,
    "end_to_end/test_cli_renders.py::test_without_a_daemon_a_command_starts_one_and_stops_it": 0,
    "end_to_end/test_daemon_engine.py::test_outside_of_region_and_fades_every_sample_is_the_sources": 2,
    "end_to_end/test_demo_command.py::test_bad_input_leaves_no_folder_and_no_job": 3,
    "end_to_end/test_demo_command.py::test_the_demo_with_an_own_file": 0,
    "end_to_end/test_devices.py::test_variations_and_candidates_are_the_same_on_one_device_and_on_two": 0,
    "end_to_end/test_every_input.py::test_input": 14,
    "end_to_end/test_every_input.py::test_outputs": 3,
    "end_to_end/test_names.py::test_a_file_of_any_name_is_read_written_told_and_made_again": ("no UTF-8",),
    "end_to_end/test_names.py::test_a_picture_is_drawn_of_any_name": 0,
    "end_to_end/test_names.py::test_renders_at_once_have_names_of_their_own": 0,
    "end_to_end/test_osc.py::test_a_job_is_cancelled_in_the_middle": ("pyliblo3",),
    "end_to_end/test_osc.py::test_a_region_is_made_anew_and_takes_are_chosen": ("pyliblo3",),
    # engine
    "engine/audio/test_beat_corpus.py::test_found_and_on_the_beats": 3,
    "engine/audio/test_beat_corpus.py::test_none_where_there_is_none": ("speech", "pads"),
    "engine/audio/test_finished_report.py::test_a_fault_is_named": 3,
    "engine/audio/test_matching.py::test_a_drift_is_stretched_out_and_said": 1,
    "engine/audio/test_matching.py::test_no_drift_or_another_tempo_is_left_as_it_is": 1,
    "engine/audio/test_pulse.py::test_a_constant_offset_is_shifted_out_inside_the_handles": 2,
    "engine/audio/test_pulse.py::test_a_region_of_another_tempo_is_named_and_costs_more": 1,
    "engine/audio/test_pulse.py::test_half_of_the_attacks_off_the_beat_do_not_hide_it": 6,
    "engine/audio/test_pulse.py::test_lateness_is_told_to_milliseconds": 4,
    "engine/audio/test_pulse.py::test_no_pulse_in_noise_swells_speech_and_free_playing": 2,
    "engine/audio/test_through_ffmpeg.py::test_what_ffmpeg_writes": ("a.m4a", "a.webm", "flac.oga", "streamed.wav"),
    "engine/checkpoints/test_lora.py::TestBadFiles::test_foreign": 2,
    "engine/checkpoints/test_lora.py::test_equals_peft": 0,
    "engine/checkpoints/test_lora.py::test_golden": ("none-None-False", "meta_w1-1.0-True"),
    "engine/checkpoints/test_nano.py::test_any_length_is_finite_and_unclipped": ("2.0",),
    "engine/checkpoints/test_nano.py::test_the_tokenizer_is_one_that_transformers_reads": 0,
    "engine/checkpoints/test_single_file.py::test_equals_the_folder": ("weight norm folded, no mel tables",),
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_context_source_and_mask_equal_the_reference": (
        "t2m_base_cfg",
        "codes_base",
        "cover_base_odd",
        "complete_base",
        "official_repaint_kept",
        "official_cover_nofsq",
    ),
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_run_equals_the_reference": (
        "t2m_base_cfg",
        "t2m_base_german",
        "codes_base",
        "cover_base",
        "lego_base",
        "complete_base",
        "t2m_turbo_shift3_metas",
        "cover_turbo",
        "official_repaint_kept",
        "official_heun_turbo",
    ),
    "engine/families/ace_step_15/test_golden_runs.py::test_golden_samples_equal_the_reference_but_for_its_level": (
        "t2m_base_cfg",
        "cover_base_odd",
        "t2m_turbo_shift3_metas",
    ),
    "engine/families/ace_step_15/test_memory_and_loras.py::TestMemory::test_int8_rounds_the_blocks_of_every_network": 0,
    "engine/families/ace_step_15/test_memory_and_loras.py::TestMemory::test_modes_give_the_same": ("offloaded",),
    "engine/families/ace_step_15/test_model.py::TestTasks::test_audio_to_audio": 2,
    "engine/families/ace_step_15/test_model.py::TestTasks::test_schedulers": 1,
    "engine/families/test_every_field.py::test_a_field_moves_the_result_or_is_said": ("v1", "nano"),
    "engine/families/test_every_field.py::test_fields_of_one_edit_mode_are_said_in_the_others": (
        "v1-lyrics",
        "turbo-remix",
        "turbo-reference",
    ),
    "engine/memory/test_measured.py::test_a_process_that_renders_many_lengths_does_not_grow": 0,
    "engine/memory/test_measured.py::test_building_the_released_vocoder_without_weights_does_not_import_*": 0,
    "engine/memory/test_measured.py::test_the_plan_and_a_measured_peak_agree": 0,
    "engine/memory/test_measured.py::test_with_8_bit_weights_no_file_of_the_transformer_stays_mapped": 1,
    "engine/memory/test_modes.py::TestInt8::test_loras_go_on_and_off": 0,
    "engine/memory/test_modes.py::test_out_of_memory_goes_one_mode_down_with_the_same_result": ("4-tiled",),
    "engine/memory/test_modes.py::test_then_weights_are_rounded_and_the_result_says_so": ("2-int8-offloaded",),
    "engine/networks/ace_step_15/test_networks.py::TestAutoencoder::test_equals_that_of_diffusers_at_other_sizes": 0,
    "engine/networks/ace_step_15/test_networks.py::TestAutoencoder::test_tiles_equal_the_whole": ("16",),
    "engine/networks/ace_step_15/test_networks.py::TestAutoencoder::test_what_a_frame_reaches_*": 0,
    "engine/networks/ace_step_15/test_networks.py::test_text_encoder_equals_that_of_transformers_at_other_sizes": 0,
    "engine/networks/ace_step_15/test_networks.py::test_transformer_equals_that_of_diffusers_at_other_sizes": 0,
    "engine/networks/ace_step_15/test_padded_lengths.py::test_blocks_compile_for_every_length_and_layer": 0,
    "engine/networks/test_autoencoder.py::test_tiles_equal_the_whole": ("41",),
    "engine/networks/test_bucketed.py::test_blocks_compile_once_for_every_length": 0,
    "engine/networks/test_peers.py::*": 0,
    "engine/rendering/test_carried.py::test_tags_of_songs_go_along": ("flac-ogg", "mp3-wav"),
    "engine/rendering/test_fit.py::test_a_region_snapped_to_bars_fits": 0,
    "engine/rendering/test_joining.py::test_a_bad_candidate_among_good_ones_is_never_chosen": ("late",),
    "engine/rendering/test_joining.py::test_a_shifted_beat_is_found": 2,
    "engine/rendering/test_joining.py::test_silence_is_named": 2,
    "engine/rendering/test_render.py::test_files_keep_their_own_numbers": 5,
    "engine/tasks/test_golden_runs.py::test_run_equals_the_reference": 7,
    "engine/tasks/test_plans.py::test_an_item_of_a_batch_equals_itself_alone": 2,
    "engine/tasks/test_plans.py::test_the_coupled_golden_batches_equal_their_items_alone": 1,
    "engine/test_model.py::test_decoded_golden_latents_sound_as_the_reference": 2,
    "engine/test_model.py::test_decoding_a_span_equals_decoding_all": 0,
    "engine/test_model.py::test_inpaint_changes_nothing_outside_region_and_fades": ("1-96000", "2-44100"),
    "engine/test_model.py::test_outpaint_is_exact_to_the_sample": 1,
    "engine/test_model.py::test_written_files_keep_the_numbers_of_the_source": ("PCM_24", "FLOAT"),
    "engine/training/test_generator.py::test_processes_make_the_same_shards": 0,
    "engine/training/test_generator.py::test_the_rule_finds_the_key_of_true_clips": 0,
    "engine/training/test_nano_evaluation.py::test_an_evaluation_goes_on_where_it_was_stopped_and_writes_its_table": 0,
    "engine/training/test_nano_evaluation.py::test_errors_stay_down": 0,
    "engine/training/test_nano_evaluation.py::test_shares_stay_up": 0,
    "engine/training/test_nano_evaluation.py::test_the_rules_hear_true_clips_right": 0,
    "engine/training/test_short_runs.py::test_a_check_of_inpainting_leaves_the_random_numbers_alone": 0,
    "engine/training/test_short_runs.py::test_one_command_goes_from_nothing_to_a_folder_that_renders": 0,
    "engine/training/test_short_runs.py::test_parts_begin_with_the_averaged_weights_of_the_one_before": 0,
    "engine/training/test_short_runs.py::test_the_autoencoders_loss_falls_by_a_third": 0,
    "engine/training/test_short_runs.py::test_the_partials_loss_falls_by_a_twentieth": 0,
    "engine/training/test_short_runs.py::test_the_transformers_loss_falls_by_a_quarter_and_a_stopped_run_goes_on": 0,
    # inside REAPER
    "reaper/test_calls.py::test_no_accessor_is_left_where_reading_ends_early": 1,
    "reaper/test_chosen.py::test_a_chosen_item_that_cannot_be_used_is_not_replaced_by_another": 2,
    "reaper/test_chosen.py::test_media_that_the_daemon_does_not_read_is_captured_from_the_track": ("VIDEO",),
    "reaper/test_chosen.py::test_media_that_the_daemon_reads_is_sent_as_it_is": 1,
    "reaper/test_every_script.py::test_every_script_in_one_process": ("sub-1",),
    "reaper/test_groups.py::test_where_takes_would_sound_wrong_the_result_is_on_a_new_track": 1,
    "reaper/test_instruments.py::test_lego_inpaint_and_generate_with_the_real_daemon": 0,
    "reaper/test_instruments.py::test_other_names_are_refused_before_anything_is_sent": 2,
    "reaper/test_locks.py::test_a_locked_track_keeps_its_controls_and_its_items_are_free": ("dry",),
    "reaper/test_locks.py::test_takes_of_a_locked_item_stay": ("item",),
    "reaper/test_locks.py::test_what_is_locked_at_the_key_press_is_read_and_the_result_is_on_a_new_track": 1,
    "reaper/test_locks.py::test_what_was_locked_while_it_rendered_gets_its_result_on_a_new_track": 1,
    "reaper/test_osc_surface.py::test_from_the_surface_to_the_take_and_back": 0,
    "reaper/test_project_settings.py::test_start_time_and_play_rate_move_nothing": 1,
    "reaper/test_project_settings.py::test_the_key_is_that_of_the_file_behind_a_take_that_is_pitched": 1,
    "reaper/test_property.py::test_random_sequences": ("2", "5"),
    "reaper/test_pythons.py::test_a_track_is_read": ("3.8",),
    "reaper/test_pythons.py::test_scripts_run_three_times": 0,
    "reaper/test_state.py::test_ticks_of_a_large_session_are_small": 0,
    "reaper/test_take_files.py::test_a_long_source_is_cut_to_the_item_and_its_bytes_stay": 1,
    # what is measured
    "test_bench.py::test_every_bench_is_found": 0,
    "test_bench.py::test_the_way_of_a_clip_through_the_bridge_is_measured": 0,
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

ONE_DAEMON = tuple(  # that of tests/end_to_end/conftest.py: each worker that has one of these files starts its engine
    f"end_to_end/test_{name}.py"
    for name in ("ace_step_15", "again", "cli_renders", "daemon_engine", "demo_command", "names")
)


def left_out(node_ids: Iterable[str], table: dict[str, Kept] | None = None) -> set[str]:
    """Those of `node_ids` ("tests/a/test_b.py::test_c[case]") that the suite leaves to the longer check."""
    ids = [node_id.removeprefix("tests/") for node_id in node_ids]
    found: set[str] = set()
    functions = _by_function(ids)
    for key, kept in (LEFT_OUT if table is None else table).items():
        cases = _cases(key, functions)
        found |= set(cases) - set(_kept(cases, kept))
    return {"tests/" + node_id for node_id in found}


def function_of(node_id: str) -> str:
    """A node id without its case."""
    return node_id.partition("[")[0]


def _by_function(node_ids: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node_id in node_ids:
        found.setdefault(function_of(node_id), []).append(node_id)
    return found


def _cases(key: str, functions: dict[str, list[str]]) -> list[str]:
    """The node ids of all functions that a key names."""
    if "*" not in key:
        return functions.get(key, [])
    return [node_id for name in functions if fnmatchcase(name, key) for node_id in functions[name]]


def _kept(cases: list[str], kept: Kept) -> list[str]:
    if isinstance(kept, tuple):
        return [node_id for node_id in cases if node_id.partition("[")[2][:-1] in kept]
    count = min(kept, len(cases))
    return [cases[index * len(cases) // count] for index in range(count)]


def stale(node_ids: Iterable[str], table: dict[str, Kept] | None = None) -> list[str]:
    """Keys, and names of cases, that no test has (any more)."""
    ids, missing = [node_id.removeprefix("tests/") for node_id in node_ids], []
    functions = _by_function(ids)
    for key, kept in (LEFT_OUT if table is None else table).items():
        cases = _cases(key, functions)
        found = {node_id.partition("[")[2][:-1] for node_id in cases}
        missing += [f"{key}[{name}]" for name in (kept if isinstance(kept, tuple) else ()) if name not in found]
        missing += [] if cases else [key]
    return missing


def some_of(left_out: Iterable[str], suite: Iterable[str]) -> list[str]:
    """The first case of each function that the suite runs in no case."""
    first: dict[str, str] = {}
    for node_id in left_out:
        first.setdefault(function_of(node_id), node_id)
    for name in {function_of(node_id) for node_id in suite}:
        first.pop(name, None)
    return list(first.values())


def place(node_id: str) -> int:
    """Where a test comes in the run: files that take long first, the others as they are."""
    path = node_id.partition("::")[0].removeprefix("tests/")
    return LONGEST_FIRST.index(path) if path in LONGEST_FIRST else len(LONGEST_FIRST)


def together(node_id: str) -> str:
    """What goes to one worker with a test: its file, or the files that share its daemon."""
    path = node_id.partition("::")[0]
    return "one daemon" if path.removeprefix("tests/") in ONE_DAEMON else path
