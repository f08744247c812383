"""The audit: list, common anatomy, numbers counted by hand, clusters, and one file that opens offline."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from heartviz import __main__ as command_line
from heartviz import weights
from heartviz.audit import Audit, AuditedFilm, summarise
from heartviz.audit.anatomy import GRID, HEART_X, HEART_Y, THORAX, CommonAnatomy
from heartviz.audit.clusters import cluster_maps
from heartviz.audit.collect import ListedFilm, audit_films, read_labels
from heartviz.audit_report import introduce, list_sections, write_html
from heartviz.errors import DataError
from heartviz.paper_results import HeartShares
from heartviz.plots.audit import plot_all_heart_shares, plot_heart_shares, plot_predictive_value
from heartviz.plots.figures import ARM_NAMES
from heartviz.records import ARMS
from heartviz.words import METHOD_WORDS
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture

pytest_plugins = ["tests.small_models"]


def make_film(line, label="Normal", ill=0.2, group="all films", spot=(5, 5)):
    laid = np.full((GRID, GRID), 0.2, np.float32)
    laid[spot[0] : spot[0] + 4, spot[1] : spot[1] + 4] += 20 + np.random.default_rng(line).random((4, 4))
    return AuditedFilm(
        line=line,
        label=label,
        group=group,
        ratio=0.5,
        heart_chance=0.2,
        probabilities={arm: {"Normal": 1 - ill, "Enlarged": ill} for arm in ARMS},
        answers=dict.fromkeys(ARMS, "Enlarged" if ill >= 0.5 else "Normal"),
        heart_shares={"sensitivity": dict.fromkeys(ARMS, 0.3)},
        maps={arm: laid / laid.sum() for arm in ARMS},
        heart=np.full((GRID, GRID), 0.4, np.float32),
        lungs=np.full((GRID, GRID), 0.6, np.float32),
    )


def make_audit(films, refused=None):
    return Audit("heart_size", ("sensitivity",), tuple(films), refused or {}, {"trunk": "ab" * 32})


def two_kinds(count=24):
    """Half of the films from a site whose maps have their spot elsewhere."""
    return [
        make_film(
            line, ("Normal", "Enlarged")[line % 2], 0.1 + 0.6 * (line % 2), *(("b", (16, 15)) if line < 12 else ("a",))
        )
        for line in range(count)
    ]


def write_list(folder, text):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_list_gives_task_labels_and_groups(tmp_path):
    path = write_list(tmp_path, "file,label,group\na.png,normal,x\nb.png,VSD,\n")
    task, films = read_labels(path, tmp_path)
    assert task == "congenital"
    assert [(film.line, film.label, film.group) for film in films] == [(2, "Normal", "x"), (3, "VSD", "all films")]
    assert read_labels(write_list(tmp_path, "file,label\na,Enlarged\nb,Normal\n"), tmp_path)[0] == "heart_size"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,label\na,Normal\n", "columns file,label"),
        ("file,label\n", "columns file,label"),
        ("file,label\na,Normal\nb,Cat\n", "labels"),
        ("file,label\na,Normal\nb,VSD\nc,Enlarged\n", "labels"),
        ("file,label\na,Normal\n", "Normal only: give Normal ones and ill ones"),
        ("file,label\na,VSD\nb,TOF\n", "give Normal ones and ill ones"),
        ("file,label\n../a,Normal\nb,VSD\n", "outside of the folder"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_labels(write_list(tmp_path, text), tmp_path)


def test_masks_come_to_lie_where_those_of_every_film_do():
    small = [np.zeros((200, 180), bool) for _ in range(2)]
    small[0][110:160, 70:130] = True
    small[1][30:180, 20:170] = True
    for heart, lungs in (small, (HEART, LEFT_LUNG | RIGHT_LUNG)):
        anatomy = CommonAnatomy(heart, lungs)
        laid = anatomy.lay(heart.astype(np.float32)) > 0.5
        for axis, (first, last) in ((1, HEART_Y), (0, HEART_X)):
            cells = np.flatnonzero(laid.any(axis=axis))
            assert cells[0] / GRID == pytest.approx(first, abs=1.1 / GRID)
            assert (cells[-1] + 1) / GRID == pytest.approx(last, abs=1.1 / GRID)
        cells = np.flatnonzero((anatomy.lay(lungs.astype(np.float32)) > 0.5).any(axis=0))
        assert cells[0] / GRID == pytest.approx(THORAX[0], abs=1.1 / GRID)
    share = anatomy.lay_share(np.where(HEART, -1.0, np.nan))
    assert share.sum() == pytest.approx(1.0, abs=1e-5)
    assert share[laid].sum() > 0.85
    assert not anatomy.lay_share(np.zeros(HEART.shape)).any()
    with pytest.raises(ValueError, match="empty"):
        CommonAnatomy(HEART & False, LEFT_LUNG)


def test_numbers_are_those_counted_by_hand():
    films = [make_film(2, "Normal", 0.1), make_film(3, "Normal", 0.6), make_film(4, "Enlarged", 0.7, "b")]
    of = summarise(make_audit([*films, make_film(5, "Enlarged", 0.2, "b")])).arms["plain"]
    np.testing.assert_array_equal(of.confusion, [[1, 1], [1, 1]])
    # Ill films at 0.7 and 0.2 against Normal ones at 0.1 and 0.6: three of four pairs are in order.
    assert of.auroc == pytest.approx(0.75)
    assert (of.accuracy.share, of.accuracy.n) == (0.5, 4)
    assert of.accuracy.low == pytest.approx(0.150, abs=1e-3)  # Wilson, 2 of 4
    assert of.groups["Enlarged", "b"].n == 2
    # Each film is alone in its tenth: off by 0.1, 0.6, 0.3 and 0.8.
    assert of.calibration_error == pytest.approx((0.1 + 0.6 + 0.3 + 0.8) / 4)
    assert of.clusters is None
    with pytest.raises(DataError, match="healthy and ill"):
        summarise(make_audit(films[:2]))


def test_a_kind_of_map_that_one_site_has_is_a_cluster_of_its_own():
    of = summarise(make_audit(two_kinds())).arms["plain"]
    assert of.clusters.count == 2
    assert of.clusters_follow["group"] == pytest.approx(1.0)
    assert of.clusters_follow["label"] < 0.1
    strange = two_kinds()
    strange[20] = make_film(20, "Normal", 0.1, "a", (11, 1))
    clusters = cluster_maps(np.stack([film.maps["plain"] for film in strange]))
    assert clusters.outliers[0] == 20
    assert cluster_maps(np.stack([film.maps["plain"] for film in strange[:15]])) is None


def test_empty_maps_are_counted_and_not_averaged():
    films = two_kinds()
    films[0] = replace(films[0], heart_shares={"sensitivity": dict.fromkeys(ARMS, float("nan"))})
    sections = {section.title: section.says for section in list_sections(summarise(make_audit(films)))}
    assert "Plain VGG16: median 30 % (1 maps are empty)" in sections["Where do the maps lie?"]


def test_slider_reads_the_predictive_value_off():
    films = [make_film(line, ("Normal", "Enlarged")[line % 2], 0.1 + 0.8 * (line % 2)) for line in range(10)]
    films[0] = make_film(0, "Normal", 0.9)  # specificity 4 of 5, sensitivity 1
    figure = plot_predictive_value(summarise(make_audit(films)))
    shown = [trace for trace in figure.data if trace.mode == "markers" and trace.visible]
    assert len(shown) == 1
    assert shown[0].y[0] == pytest.approx(100 * 0.01 / (0.01 + 0.99 * 0.2))
    for step, (share,) in zip(figure.layout.sliders[0].steps, [[t.x[0]] for t in figure.data[3:]], strict=True):
        assert step.label == f"{share:g} %"
        assert sum(step.args[0]["visible"]) == 4
        worth = 100 * share / (share + (100 - share) * 0.2)
        assert step.args[0]["name"][:3] == [f"{name}: {worth:.1f} %" for name in ARM_NAMES.values()]
    assert [trace.name for trace in figure.data[:3]] == figure.layout.sliders[0].steps[3].args[0]["name"][:3]
    # Nothing is written where the curves of models that are about as good lie on each other.
    assert not any("text" in trace.mode for trace in figure.data)
    axis = figure.layout.xaxis
    assert min(np.diff(np.log10(axis.tickvals))) > 0.4
    assert axis.ticktext[2] == "1 %"


def test_legends_lie_above_where_names_of_methods_may_be_tilted():
    shares = [HeartShares(method, arm, 9, (0.1, 0.2, 0.3, 0.4, 0.5), 0.2) for method in METHOD_WORDS for arm in ARMS]
    for figure in (plot_all_heart_shares(shares), plot_heart_shares(make_audit(two_kinds()))):
        assert figure.layout.legend.y > 1
        assert figure.layout.legend.yanchor == "bottom"


def test_file_holds_everything_and_loads_nothing(tmp_path):
    audit = make_audit(two_kinds(), {7: "no <heart> found"})
    write_html(audit, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not a medical device" in text
    assert "Line 7: no &lt;heart&gt; found" in text
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", text)
    for section in list_sections(summarise(audit)):
        assert section.title in text
    assert "go with the films&#x27; group: suspect a shortcut" in text
    hostile = "</script><script>alert(1)</script>\t"
    write_html(make_audit([*two_kinds(), make_film(30, "Normal", 0.1, hostile)]), tmp_path / "hostile.html")
    assert "alert(1)</script>" not in (tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert "24 films: 12 Normal, 12 Enlarged. 1 films" in introduce(audit)


def test_films_that_cannot_be_audited_do_not_stop_the_others(models, tmp_path):
    (tmp_path / "text.png").write_text("no film")
    films = [
        ListedFilm(2, picture(), "Normal"),
        ListedFilm(3, tmp_path / "gone.png", "VSD"),
        ListedFilm(4, tmp_path / "text.png", "VSD"),
        ListedFilm(5, picture(), "TOF"),
    ]
    told = []
    audit = audit_films(films, models, "congenital", ("sensitivity", "grad_cam"), lambda done, words: told.append(done))
    assert [film.line for film in audit.films] == [2, 5]
    assert set(audit.refused) == {3, 4}
    assert told == [0, 0.25, 0.5, 0.75, 1]
    film = audit.films[1]
    assert set(film.heart_shares) == {"sensitivity", "grad_cam"}
    assert sum(film.probabilities["mask"].values()) == pytest.approx(1.0, abs=1e-3)
    assert audit.mean_heart.max() == pytest.approx(1.0, abs=0.05)


def test_command_writes_one_file_without_the_films_names(tmp_path, monkeypatch, models, capsys):
    monkeypatch.setattr(weights, "load_models", lambda _: models)
    lines = ["file,label"]
    for number in range(4):
        name = f"JohnDoe{number}.png"
        cv2.imwrite(str(tmp_path / name), (255 * picture()).astype(np.uint8))
        lines.append(f"{name},{('Normal', 'Enlarged')[number % 2]}")
    lines.append("JohnDoe9.png,Normal")
    arguments = ["audit", str(tmp_path), "--labels", str(write_list(tmp_path, "\n".join(lines)))]
    status = command_line.main([*arguments, "--out", str(tmp_path / "report.html")])
    said = capsys.readouterr()
    assert status == 1  # one film is not there
    assert "line 6: not audited: The file is not there." in said.err
    assert "JohnDoe" not in said.err + said.out
    assert "JohnDoe" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert command_line.main([*arguments, "--out", str(tmp_path / "nowhere" / "report.html")]) == 2
    assert "can't be written" in capsys.readouterr().err
    assert command_line.main(["audit", str(tmp_path / "none"), *arguments[2:], "--out", str(tmp_path / "r.html")]) == 2
