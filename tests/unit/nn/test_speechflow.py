import pytest
import torch
from torch.nn import functional as F

from emofactors.nn.speechflow import CodeDecoder, CodeLstm, NormedConvolution, SpeakerEmbedding, SpeechEncoder


def make_encoder():
    torch.manual_seed(0)
    return SpeechEncoder(
        6,
        9,
        content_channels=8,
        content_units=3,
        content_lstm_layers=2,
        pitch_channels=4,
        pitch_units=5,
        n_layers=3,
        rhythm_channels=4,
        rhythm_units=1,
        kernel_size=5,
        channels_per_group=2,
        downsample=8,
    )


def inputs():
    torch.manual_seed(1)
    return torch.randn(2, 24, 6), torch.randn(2, 24, 9), torch.randn(2, 24, 6)


def test_every_factor_has_one_code_per_8_frames():
    codes = make_encoder()(*inputs())
    assert codes.content.shape == (2, 3, 6)
    assert codes.rhythm.shape == (2, 3, 2)
    assert codes.pitch.shape == (2, 3, 10)


def test_codes_take_forward_at_the_last_and_backward_at_the_first_frame():
    torch.manual_seed(0)
    lstm = CodeLstm(4, 3, n_layers=1, downsample=8)
    x = torch.randn(2, 4, 24)
    frames, _ = lstm.lstm(x.transpose(1, 2))
    codes = lstm(x)
    torch.testing.assert_close(codes[:, :, :3], frames[:, [7, 15, 23], :3])
    torch.testing.assert_close(codes[:, :, 3:], frames[:, [0, 8, 16], 3:])


def test_convolution_is_normed_in_groups_and_preserves_the_frames():
    torch.manual_seed(0)
    layer = NormedConvolution(3, 32, kernel_size=5, channels_per_group=16)
    assert layer.norm.num_groups == 2
    x = torch.randn(2, 3, 11)
    y = F.conv1d(x, layer.convolution.weight, layer.convolution.bias, padding=2).reshape(2, 2, 16, 11)
    mean, variance = y.mean(dim=(2, 3), keepdim=True), y.var(dim=(2, 3), keepdim=True, correction=0)
    expected = ((y - mean) / (variance + 1e-5).sqrt()).reshape(2, 32, 11).clamp(min=0)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)
    bound = 2**0.5 * (6 / (5 * (3 + 32))) ** 0.5
    assert 0.95 * bound < layer.convolution.weight.abs().max() <= bound


def test_only_content_and_pitch_are_resampled_after_each_convolution():
    encoder, (content, pitch, rhythm) = make_encoder(), inputs()
    weights = [torch.rand(2, 24, 24) for _ in range(3)]
    codes = encoder(content, pitch, rhythm, weights)
    without = encoder(content, pitch, rhythm)
    for name, convolutions, lstm, first in (
        ("content", encoder.content_convolutions, encoder.content_lstm, content),
        ("pitch", encoder.pitch_convolutions, encoder.pitch_lstm, pitch),
    ):
        x = first
        for convolution, weight in zip(convolutions, weights, strict=True):
            x = weight @ convolution(x.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(getattr(codes, name), lstm(x.transpose(1, 2)))
        assert not torch.allclose(getattr(codes, name), getattr(without, name))
    torch.testing.assert_close(codes.rhythm, without.rhythm)


@pytest.mark.parametrize("changed", ["content", "pitch", "rhythm"])
def test_code_depends_on_the_input_of_its_encoder_only(changed):
    encoder, arguments = make_encoder(), dict(zip(("content", "pitch", "rhythm"), inputs(), strict=True))
    codes = encoder(**arguments)
    others = encoder(**arguments | {changed: arguments[changed] + torch.randn_like(arguments[changed])})
    for name in ("content", "pitch", "rhythm"):
        assert torch.equal(getattr(codes, name), getattr(others, name)) == (name != changed)


def test_decoder_repeats_each_code_for_8_frames():
    torch.manual_seed(0)
    decoder = CodeDecoder(5, 4, n_layers=2, n_out=7, downsample=8)
    codes = torch.randn(2, 3, 5)
    frames = torch.stack([codes[:, t // 8] for t in range(24)], dim=1)
    torch.testing.assert_close(decoder(codes), decoder.linear(decoder.lstm(frames)[0]))
    assert decoder(codes).shape == (2, 24, 7)


def test_output_layer_of_a_decoder_is_xavier_uniform():
    weight = CodeDecoder(5, 64, n_layers=1, n_out=80, downsample=8).linear.weight.detach()
    limit = (6 / (2 * 64 + 80)) ** 0.5
    assert weight.abs().max() <= limit
    assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.03)


def test_embeddings_have_one_norm_and_unknown_speakers_get_the_mean():
    torch.manual_seed(0)
    speakers = SpeakerEmbedding(3, 32)
    embedding = speakers(torch.tensor([0, 1, 2, -1]))
    torch.testing.assert_close(embedding.norm(dim=1), torch.full((4,), 32**0.5))
    torch.testing.assert_close(F.cosine_similarity(embedding[:3], speakers.rows), torch.ones(3))
    mean = embedding[:3].mean(dim=0)
    torch.testing.assert_close(embedding[3], 32**0.5 * mean / mean.norm())


def test_codes_and_frames_are_float32_under_bfloat16():
    encoder, decoder = make_encoder(), CodeDecoder(6, 4, n_layers=1, n_out=7, downsample=8)
    with torch.autocast("cpu", torch.bfloat16):
        codes = encoder(*inputs())
        frames = decoder(codes.content)
    assert codes.content.dtype == codes.rhythm.dtype == codes.pitch.dtype == frames.dtype == torch.float32
    torch.testing.assert_close(codes.content, make_encoder()(*inputs()).content, rtol=0.05, atol=0.02)


def test_partial_codes_are_refused():
    with pytest.raises(ValueError, match=r"x has 20 frames, expected a multiple of downsample \(8\)"):
        CodeLstm(3, 2, n_layers=1, downsample=8)(torch.zeros(1, 3, 20))


def test_even_kernels_and_incomplete_groups_are_refused():
    with pytest.raises(ValueError, match="kernel_size is 4, expected odd"):
        NormedConvolution(3, 16, kernel_size=4, channels_per_group=16)
    with pytest.raises(ValueError, match=r"n_out is 17, expected a multiple of channels_per_group \(16\)"):
        NormedConvolution(3, 17, kernel_size=5, channels_per_group=16)
