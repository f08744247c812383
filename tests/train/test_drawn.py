"""Drawn films as a source of training films: the reader, the samples, and the decoder for films from the side."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from heartviz.errors import DataError
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.phantom_files import Order, write_films
from heartviz.segment import find_lateral_heart
from train.datasets import drawn_samples
from train.lateral import Config, Mirrored, decoder_state, main, make_network
from train.segmenter import Config as SegmenterConfig
from train.segmenter import open_samples
from train.sources.drawn import read_films


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    trunk, segmenter = (network.eval().requires_grad_(False) for network in (VGGTrunk(), VGGUNet()))
    return SimpleNamespace(trunk=trunk, segmenter=segmenter)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("drawn")
    for view in ("pa", "lateral"):
        write_films(Order(3, ("Normal", "TOF", "Enlarged"), view, 1.0, 4, made / view, size_px=128), 1)
    return made


def test_reader_knows_class_view_masks_and_the_patient_of_both_views(folder):
    frontal, lateral = read_films(folder / "pa"), read_films(folder / "lateral")
    assert [film.label for film in frontal] == ["Normal", "TOF", "Enlarged"]
    assert {film.view for film in frontal} == {"frontal"}
    assert {film.view for film in lateral} == {"lateral"}
    assert [film.patient_id for film in frontal] == [film.patient_id for film in lateral]
    assert not {film.film_id for film in frontal} & {film.film_id for film in lateral}
    heart, left, right = frontal[0].read_masks()
    assert heart.any()
    assert np.nonzero(left)[1].mean() > np.nonzero(right)[1].mean()


def test_reader_says_what_a_folder_lacks(folder, tmp_path):
    (tmp_path / "labels.csv").write_text("file,label,view\npng/pa_1_00000.png,Normal,pa\n")
    with pytest.raises(DataError, match=r"pa_1_00000.png and lacks it. Draw the films again"):
        read_films(tmp_path)


def test_samples_have_the_drawn_class_or_the_ratios(folder):
    films = list(enumerate(read_films(folder / "pa")))
    found = []

    def segment(picture):
        found.append(picture.shape)
        return [masks.copy() for masks in films[len(found) % 3][1].read_masks()]

    congenital = list(drawn_samples(films, segment, "congenital", seed=1))
    assert [sample.label for sample in congenital] == [0, 3]  # Enlarged is no congenital class
    sizes = list(drawn_samples(films, segment, "heart_size", seed=1))
    assert [sample.label for sample in sizes] == [int(sample.severity > 0.5) for sample in sizes]
    assert sizes[2].severity > sizes[0].severity


def test_drawn_films_are_not_mixed_into_a_prepared_file(folder, tmp_path):
    with pytest.raises(DataError, match="--drawn goes with --data"):
        open_samples(SegmenterConfig(tmp_path, prepared=tmp_path / "films.h5", drawn=(folder / "pa",)))


def test_mirrored_films_follow_the_films(folder):
    samples = Mirrored(read_films(folder / "lateral"))
    assert len(samples) == 6
    np.testing.assert_array_equal(samples[3][0], samples[0][0][:, ::-1])
    np.testing.assert_array_equal(samples[3][1], samples[0][1][..., ::-1])
    assert samples[0][1].shape == (1, 128, 128)
    assert len(list(samples)) == 6


def test_the_decoder_shares_the_encoder_and_learns_without_it(models):
    network = make_network(models.trunk, models.segmenter)
    assert network.segmenter.block4 is models.segmenter.block4
    assert not any(name.startswith(("block4", "block5")) for name in decoder_state(network.segmenter))
    prob, mask = find_lateral_heart(np.zeros((90, 70), np.float32), network.trunk, network.segmenter)
    assert prob.shape == mask.shape == (90, 70)
    assert mask.dtype == bool


def test_training_writes_the_decoder_and_its_test(folder, models, monkeypatch, tmp_path):
    monkeypatch.setattr("train.lateral.load_networks", lambda _: (models.trunk, models.segmenter, {}))
    with pytest.raises(DataError, match="3 lateral films are too few"):
        main(Config((folder / "lateral",), tmp_path, batch_size=2))
    many = tmp_path / "many"
    write_films(Order(10, ("Normal",), "lateral", None, 5, many, size_px=128), 1)
    main(Config((many,), tmp_path, size_px=32, epochs=1, batch_size=2))
    state = load_file(tmp_path / "lateral.safetensors")
    assert set(state) == set(decoder_state(make_network(models.trunk, models.segmenter).segmenter))
    assert (tmp_path / "lateral_results.json").exists()
