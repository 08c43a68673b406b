"""Progress of training in another process."""

from revin_forecast.training.progress_callback import ProgressFile


def test_a_file_passes_progress_to_the_main_process(tmp_path):
    worker, relay, received = ProgressFile(tmp_path), ProgressFile(tmp_path), []

    def advance(steps=1, note=None, resumed=False):
        received.append((steps, note, resumed))

    relay.relay(advance)
    assert received == []  # nothing is written yet
    worker.write(5, resumed=True)
    worker.write(0, "10% of the next")  # too frequent for a file
    relay.relay(advance)
    worker.write(1, "validation loss 0.5")
    worker.write(1, "validation loss 0.4")
    relay.relay(advance)
    assert sum(steps for steps, _, resumed in received if resumed) == 5
    assert sum(steps for steps, _, resumed in received if not resumed) == 2
    assert received[-1] == (2, "validation loss 0.4", False)
