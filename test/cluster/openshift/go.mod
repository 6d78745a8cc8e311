module multinic.test/cluster/openshift

go 1.26

require github.com/openshift/api v0.0.0-20240521185306-0314f31e7774
